# ruff: noqa: B004 - what it is that is called, not whether
from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any

import anyio.to_thread
from dspy.dsp.utils.settings import Settings
from dspy.utils.asyncify import get_async_max_workers
from dspy.utils.supplied import always_takes_settings, bind, is_coroutine_function, ready, settings_keyword


# --- patch ---
def asyncify(program: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    """
    Makes a blocking callable one that can be awaited: it runs in a worker thread.

    How many run at a time is `async_max_workers` of the settings that the call comes with, as its first argument or
    as the keyword `settings`; called without, DSPy's default holds. Calls of one event loop that come with the same
    number share it, whatever they call. A callable that takes settings is handed them.
    What is async in the first place, such as a `dspy.Module`, is awaited on the event loop.

    Args:
        program: The blocking callable, with or without a `settings` parameter.

    Returns:
        A coroutine function with the callable's parameters, and settings before them.
    """

    @functools.wraps(program)
    async def async_program(*args, **kwargs) -> Any:
        settings = None
        if args and isinstance(args[0], Settings):
            settings, *args = args
        elif isinstance(kwargs.get("settings"), Settings):
            settings = kwargs.pop("settings")
        call = functools.partial(_handed(program, settings), *args, **kwargs)
        if is_coroutine_function(program) or is_coroutine_function(getattr(type(program), "__call__", None)):
            return await ready(call())
        limiter = _limiter_of(get_async_max_workers(settings if settings is not None else Settings()))
        return await ready(await anyio.to_thread.run_sync(call, abandon_on_cancel=True, limiter=limiter))

    always_takes_settings(async_program)
    return async_program


def _handed(program: Callable[..., Any], settings: Settings | None) -> Callable[..., Any]:
    """A callable with the settings of the call, as its first argument or by the keyword that it takes them under."""
    if settings is None:
        return program
    handed = bind(program, settings)
    if handed is not program:
        return handed
    keyword = settings_keyword(program)
    return functools.partial(program, **{keyword: settings}) if keyword is not None else program


def _limiter_of(limit: int) -> anyio.CapacityLimiter:
    """The limiter that calls with this limit share on the running event loop.

    One for all loops, as `get_limiter` gives, wakes a task of another loop without that loop's taking notice of it, and
    one for all limits has the limit that was asked for last.
    """
    limiters = _limiters().get(None)
    if limiters is None:
        limiters = {}
        _limiters().set(limiters)
    if limit not in limiters:
        limiters[limit] = anyio.CapacityLimiter(limit)
    return limiters[limit]


@functools.cache
def _limiters() -> Any:
    """The variable that holds an event loop's limiters by their limits; made late, as `import dspy` loads no anyio."""
    from anyio.lowlevel import RunVar

    return RunVar("async_limiters")
