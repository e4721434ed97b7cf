"""Interpreters that a factory of the user's makes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from dspy.dsp.utils.settings import Settings
from dspy.utils.handover import made_in_thread
from dspy.utils.supplied import bind, ready


async def interpreter_of(settings: Settings, factory: Callable[[], Any]) -> Any:
    """What a factory makes, in a worker thread: it may look at the file system, or start a sandbox.

    An interpreter that is made when the call has been cancelled is shut down.

    Args:
        settings: Those of the call, for the shutdown.
        factory: A plain callable.
    """
    return await made_in_thread(factory, functools.partial(_shut_down, settings))


async def _shut_down(settings: Settings, interpreter: Any) -> None:
    # Nobody has looked yet whether it is one.
    shutdown = getattr(interpreter, "shutdown", None)
    if shutdown is not None:
        await ready(bind(shutdown, settings)())
