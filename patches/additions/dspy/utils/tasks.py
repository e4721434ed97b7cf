"""Tasks that end with those who wait for them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import Any, TypeVar

from anyio import create_memory_object_stream
from dspy.utils.supplied import ready

T = TypeVar("T")


async def map_limited(function: Callable[[Any], Awaitable[T]], items: Iterable[Any], limit: int) -> list[T]:
    """Await a function for each item, several at a time.

    Where one fails, the others are cancelled, and have come to their end, before its exception is raised; so too if
    the whole is cancelled.

    Args:
        function: What is awaited for an item.
        items: The items, begun in their order.
        limit: How many there are at a time.

    Returns:
        The results, in the order of the items.
    """
    waiting = enumerate(items)
    results: dict[int, T] = {}

    async def work() -> None:
        for index, item in waiting:
            results[index] = await function(item)

    workers = [asyncio.ensure_future(work()) for _ in range(limit)]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return [results[index] for index in sorted(results)]


class TaskFuture:
    """What comes of a call that a `TaskPool` makes."""

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self._task = task

    async def result(self) -> Any:
        """Wait for the call to return; raises what it raises."""
        return await self._task


class TaskPool:
    """Makes calls in tasks, as `concurrent.futures.ThreadPoolExecutor` makes them in threads. See `task_pool`.

    Args:
        max_workers: How many there are at a time.
    """

    def __init__(self, max_workers: int) -> None:
        self._turns = asyncio.Semaphore(max_workers)
        self._tasks: list[asyncio.Task[Any]] = []

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> TaskFuture:
        """Call a function, sync or async, when it is its turn."""
        task = asyncio.ensure_future(self._call(function, args, kwargs))
        self._tasks.append(task)
        return TaskFuture(task)

    async def _call(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        async with self._turns:
            return await ready(function(*args, **kwargs))

    async def end(self, *, at_once: bool) -> None:
        """Wait for all that was submitted, or cancel it."""
        for task in self._tasks if at_once else ():
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def task_pool(max_workers: int) -> AsyncGenerator[TaskPool, None]:
    """A pool whose calls have ended when the block is left; they are cancelled where it is left by an exception."""
    pool = TaskPool(max_workers)
    left = False
    try:
        yield pool
        left = True
    finally:
        await pool.end(at_once=not left)


async def completed(futures: Iterable[TaskFuture]) -> AsyncGenerator[TaskFuture, None]:
    """Futures of a pool, in the order in which their calls return."""
    waiting = {future._task: future for future in futures}
    while waiting:
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            yield waiting.pop(task)


async def from_task(source: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """The items of an async generator that runs in a task of its own, one item ahead of who iterates.

    A generator with a task group or a timeout in it must be begun, gone on with and closed by one task. This one may be
    by any, and where the iteration is just left, Python closes it in a task of its own.
    """
    send, receive = create_memory_object_stream[T](0)

    async def work() -> None:
        async with send, contextlib.aclosing(source):
            async for item in source:
                await send.send(item)

    task = asyncio.ensure_future(work())
    async with receive:
        try:
            async for item in receive:
                yield item
            await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
