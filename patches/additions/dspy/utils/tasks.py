"""Tasks that end with those who wait for them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import Any, TypeVar

from anyio import create_memory_object_stream

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
