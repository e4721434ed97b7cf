"""Between coroutines and code that can only block, and among tasks that meet at one object.

Nothing here is kept on an instance, so what uses it can still be copied and pickled.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
from collections.abc import Callable
from concurrent.futures import CancelledError as CallCancelled
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from dspy.utils.supplied import ready

T = TypeVar("T")

_locks: WeakKeyDictionary[Any, WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock]] = WeakKeyDictionary()


def lock_of(owner: Any) -> asyncio.Lock:
    """The lock of an object on the running event loop, for work that its first call does once for all.

    Args:
        owner: Anything hashable and weakly referable. The lock lives as long as it does, but not on it.
    """
    return _locks.setdefault(owner, WeakKeyDictionary()).setdefault(asyncio.get_running_loop(), asyncio.Lock())


class _Stopped(BaseException):
    """Ends the blocking code of a worker whose caller was cancelled. No `except Exception` on its way keeps it."""


class Worker:
    """A thread for code that can only block, and that calls coroutine functions back.

    They run on the event loop that made the worker, as if the blocking code ran there:

        worker = Worker()
        result = await worker.run(optimize, evaluate=worker.blocking(evaluate))

    The thread is the worker's own: one of the loop's default executor, kept as long, could starve what it calls back.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._calls: set[asyncio.Task[Any]] = set()
        self._stopped = False

    def blocking(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """Make a function one to be called from the thread: it runs on the loop, and is awaited if need be."""

        @functools.wraps(fn, updated=())
        def call(*args: Any, **kwargs: Any) -> Any:
            future = asyncio.run_coroutine_threadsafe(self._on_loop(fn, args, kwargs), self._loop)
            try:
                return future.result()
            except CallCancelled:
                raise _Stopped from None

        return call

    async def _on_loop(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._stopped:
            raise asyncio.CancelledError
        task = asyncio.current_task()
        assert task is not None
        self._calls.add(task)
        try:
            return await ready(fn(*args, **kwargs))
        finally:
            self._calls.discard(task)

    async def run(self, fn: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Run the blocking code in a thread, and wait for it.

        When the waiting task is cancelled, what the code called back is cancelled, the code ends at this or its next
        call, and the thread with it.
        """
        call = functools.partial(contextvars.copy_context().run, fn, *args, **kwargs)
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="dspy-worker") as executor:
            future = self._loop.run_in_executor(executor, call)
            try:
                return await asyncio.shield(future)
            except _Stopped:
                raise asyncio.CancelledError from None
            except asyncio.CancelledError:
                await self._stop(future)
                raise

    async def _stop(self, future: asyncio.Future[Any]) -> None:
        self._stopped = True
        for task in list(self._calls):
            task.cancel()
        while not future.done():
            try:
                await asyncio.wait([future])
            except asyncio.CancelledError:
                continue  # it is on its way out; to leave now would leave the thread behind
        future.exception()  # has been asked for, so that it is not logged as one that nobody saw
