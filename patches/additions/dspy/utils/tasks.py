"""Several calls at a time, no more than so many."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

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
