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


async def test_a_pool_makes_so_many_calls_at_a_time_and_has_ended_with_its_block(tasks: Any) -> None:
    now = most = 0

    async def work(item: int, by: int = 1) -> int:
        nonlocal now, most
        now, most = now + 1, max(most, now + 1)
        await asyncio.sleep(0.01 * (3 - item))
        now -= 1
        return item * by

    async with tasks.task_pool(max_workers=2) as pool:
        first, *others = [pool.submit(work, item, by=10) for item in range(4)]
        # What is not async is called in its turn as well.
        plain = pool.submit(divmod, 7, 2)
        assert await first.result() == 0
    assert most == 2 and now == 0
    assert [await each.result() for each in others] == [10, 20, 30]
    assert await plain.result() == (3, 1)


async def test_futures_of_a_pool_come_as_they_are_done(tasks: Any) -> None:
    async def work(item: int) -> int:
        await asyncio.sleep(0.02 * (3 - item))
        if item == 1:
            raise KeyError(item)
        return item

    told: list[int | str] = []
    async with tasks.task_pool(max_workers=3) as pool:
        items = {pool.submit(work, item): item for item in range(3)}
        async for future in tasks.completed(items):
            try:
                told.append(await future.result())
            except KeyError:
                told.append(f"no {items[future]}")
    assert told == [2, "no 1", 0]


@pytest.mark.parametrize("how", ["error", "cancelled"])
async def test_no_call_of_a_pool_outlives_an_error_or_a_cancellation(tasks: Any, how: str) -> None:
    ended: list[int] = []

    async def work(item: int) -> None:
        try:
            await asyncio.sleep(30)
        finally:
            ended.append(item)

    async def all_of_them() -> None:
        async with tasks.task_pool(max_workers=2) as pool:
            for item in range(3):
                pool.submit(work, item)
            await asyncio.sleep(0.01)
            if how == "error":
                raise ValueError(how)
            await asyncio.sleep(30)

    task = asyncio.ensure_future(all_of_them())
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises((ValueError, asyncio.CancelledError)):
        await task
    # The third had not had its turn.
    assert sorted(ended) == [0, 1]
