"""Tasks that end with those who wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from types import SimpleNamespace
from typing import Any

import pytest

from tests.patches.conftest import ADDITIONS, load


@pytest.fixture
def tasks(runtime: SimpleNamespace) -> Any:
    return load("dspy.utils.tasks", ADDITIONS / "utils" / "tasks.py")


async def test_results_are_in_the_order_of_the_items(tasks: Any) -> None:
    now = most = 0

    async def work(item: int) -> int:
        nonlocal now, most
        now, most = now + 1, max(most, now + 1)
        await asyncio.sleep(0.01 * (5 - item))
        now -= 1
        return item * 10

    assert await tasks.map_limited(work, range(5), 2) == [0, 10, 20, 30, 40]
    assert most == 2
    assert await tasks.map_limited(work, [], 2) == []


@pytest.mark.parametrize("how", ["error", "cancelled"])
async def test_no_task_outlives_an_error_or_a_cancellation(tasks: Any, how: str) -> None:
    ended: list[int] = []

    async def work(item: int) -> None:
        if item == 2 and how == "error":
            raise KeyError(item)
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)  # it takes its time to end
            ended.append(item)

    before = asyncio.all_tasks()
    task = asyncio.ensure_future(tasks.map_limited(work, range(9), 3))
    await asyncio.sleep(0.01)
    if how == "cancelled":
        task.cancel()
    with pytest.raises(KeyError if how == "error" else asyncio.CancelledError):
        await task
    assert ended == ([0, 1] if how == "error" else [0, 1, 2])
    assert asyncio.all_tasks() == before


async def test_a_generator_goes_on_in_one_task(tasks: Any) -> None:
    seen: set[Any] = set()

    async def numbers() -> AsyncGenerator[int, None]:
        for number in range(3):
            seen.add(asyncio.current_task())
            yield number

    items = tasks.from_task(numbers())
    assert [await asyncio.create_task(items.__anext__()) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(StopAsyncIteration):
        await items.__anext__()
    assert len(seen) == 1 and asyncio.current_task() not in seen


async def test_an_error_of_the_generator_is_raised(tasks: Any) -> None:
    async def broken() -> AsyncGenerator[int, None]:
        yield 1
        raise KeyError("broken")

    items = tasks.from_task(broken())
    assert await items.__anext__() == 1
    with pytest.raises(KeyError, match="broken"):
        await items.__anext__()


async def test_a_generator_that_is_left_is_closed(tasks: Any) -> None:
    closed = []

    async def endless() -> AsyncGenerator[int, None]:
        try:
            while True:
                yield 1
        finally:
            closed.append(True)

    items = tasks.from_task(endless())
    await items.__anext__()
    await items.aclose()
    assert closed == [True]
