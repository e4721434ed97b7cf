"""An event loop for each thread whose plain code runs coroutines.

Connections of a model's client, a child process, or a lock belong to the event loop that they were made on. With a
loop for each call, as `asyncio.run` makes it, the next call cannot use them, and nobody closes them.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context, copy_context
from typing import Any, TypeVar

T = TypeVar("T")

SECONDS_TO_END = 5.0
"""How long tasks that were cancelled at the end of their loop are waited for."""


class BackportedRunner:
    """What is needed here of `asyncio.Runner`, which Python 3.10 has not.

    Args:
        loop_factory: Makes its event loop.
    """

    def __init__(self, *, loop_factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
        self._loop = loop_factory()

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Its event loop."""
        return self._loop

    def run(self, coro: Coroutine[Any, Any, T], *, context: Context) -> T:
        """Run a coroutine to its end. At Ctrl-C it is cancelled, and has ended before the interrupt is raised."""
        task = context.run(self._loop.create_task, coro)
        try:
            return self._loop.run_until_complete(task)
        finally:
            if not task.done():
                task.cancel()
                self._loop.run_until_complete(asyncio.wait([task]))


Runner: type[Any] = asyncio.Runner if sys.version_info >= (3, 11) else BackportedRunner

_runners: dict[threading.Thread, Any] = {}
_inherited: list[Any] = []
"""Loops of the process that this one was forked from, which uses what they wait on: they are neither run nor closed."""

# Reentrant, as a signal's handler may come in between.
_lock = threading.RLock()


def run_here(awaitable: Awaitable[T]) -> T:
    """Run something awaitable on the event loop of this thread, to its end.

    The loop is made for the thread's first call and kept for the next ones. It is closed when Python exits, or when
    a loop is made after the thread has ended. Tasks that are left at the end of a call go on in the next one.

    Args:
        awaitable: It must be begun by no other event loop.

    Raises:
        RuntimeError: A loop runs in this thread.
    """
    runner = _runner_of(threading.current_thread())

    async def work() -> T:
        return await awaitable

    return runner.run(work(), context=copy_context())


def _runner_of(thread: threading.Thread) -> Any:
    with _lock:
        if thread not in _runners:
            _close_those_of_threads_that_ended()
            # With a factory of ours, it is nobody's `asyncio.get_event_loop()` between two calls.
            _runners[thread] = Runner(loop_factory=asyncio.new_event_loop)
        return _runners[thread]


def _close_those_of_threads_that_ended() -> None:
    for thread in [thread for thread in _runners if not thread.is_alive()]:
        _close(_runners.pop(thread).get_loop())


def _close(loop: asyncio.AbstractEventLoop) -> None:
    """End a loop as `asyncio.run` does, but for waiting for its worker threads: Python does when it exits."""
    try:
        loop.run_until_complete(_end_all_that_is_left(loop))
    finally:
        loop.close()


async def _end_all_that_is_left(loop: asyncio.AbstractEventLoop) -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=SECONDS_TO_END)
    await loop.shutdown_asyncgens()


@atexit.register
def _close_all() -> None:
    while _runners:
        _, runner = _runners.popitem()
        # That of a daemon thread may be running.
        if not runner.get_loop().is_running():
            with contextlib.suppress(RuntimeError):  # cleaning up wanted another thread, and it is too late for that
                _close(runner.get_loop())


def _forget_all() -> None:
    global _lock
    _lock = threading.RLock()
    _inherited.extend(_runners.values())
    _runners.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
