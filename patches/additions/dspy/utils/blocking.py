"""Between coroutines and code that can only block, and among tasks that meet at one object.

Nothing here is kept on an instance, so what uses it can still be copied and pickled.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
from collections.abc import Callable
from concurrent.futures import CancelledError as CallCancelled
from concurrent.futures import Future, ThreadPoolExecutor
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
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="dspy-worker")
        self._answers: set[Future[Any]] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._stopped = False

    def blocking(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """Make a function one to be called from the thread: it runs on the loop, and is awaited if need be."""

        @functools.wraps(fn, updated=())
        def call(*args: Any, **kwargs: Any) -> Any:
            answer = asyncio.run_coroutine_threadsafe(self._on_loop(fn, args, kwargs), self._loop)
            self._answers.add(answer)
            try:
                return answer.result()
            except CallCancelled:
                raise _Stopped from None
            finally:
                self._answers.discard(answer)

        return call

    async def _on_loop(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._stopped:
            raise asyncio.CancelledError
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            return await ready(fn(*args, **kwargs))
        finally:
            self._tasks.discard(task)

    async def run(self, fn: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Run the blocking code in the thread, once, and wait until both have come to their end.

        When the waiting task is cancelled, what the code called back is cancelled, and the code ends at this or its
        next call.
        """
        call = functools.partial(contextvars.copy_context().run, fn, *args, **kwargs)
        done = self._loop.run_in_executor(self._executor, call)
        try:
            await asyncio.wait([done])
        except asyncio.CancelledError:
            await self._stop(done)
            raise
        except GeneratorExit:
            self._abandon()
            raise
        await self._join()
        try:
            return done.result()
        except _Stopped:
            raise asyncio.CancelledError from None

    async def _stop(self, done: asyncio.Future[Any]) -> None:
        self._stopped = True
        for task in list(self._tasks):
            task.cancel()
        while not done.done():
            try:
                await asyncio.wait([done])
            except asyncio.CancelledError:
                continue  # it is on its way out; to leave now would leave the thread behind
        done.exception()  # asked for, so that nobody logs it as one that was never seen
        await self._join()

    async def _join(self) -> None:
        # The thread is about to end; even that short time is not waited for on the loop.
        await asyncio.to_thread(self._executor.shutdown)

    def _abandon(self) -> None:
        # The loop was closed around its tasks: nobody is left to answer the thread, which must not wait for ever.
        self._stopped = True
        for answer in list(self._answers):
            answer.cancel()
        self._executor.shutdown(wait=False)
