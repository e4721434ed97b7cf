"""Environments of ALFWorld, which are processes: asked without blocking, one task at a time, and free again after."""

from __future__ import annotations

import asyncio
import multiprocessing
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from dspy.datasets.alfworld import alfworld

from tests.support import env_worker


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two environments; neither ALFWorld nor `multiprocess`, which it starts its processes with, is installed."""
    monkeypatch.setitem(sys.modules, "multiprocess", multiprocessing)
    monkeypatch.setattr(alfworld, "env_worker", env_worker.env_worker)
    made = alfworld.EnvPool(size=2)
    yield made
    made.close_all()


async def play(pool: Any, task: int, steps: int = 1) -> list[Any]:
    async with pool.session() as environment:
        began, info = await environment.init(task)
        return [began, *[(await environment.step("look"))[0] for _ in range(steps)], info["pid"]]


async def test_making_a_pool_starts_no_process(pool: Any):
    assert pool.workers == [] and multiprocessing.active_children() == []


async def test_tasks_take_turns_with_the_environments_while_the_loop_goes_on(pool: Any):
    await asyncio.gather(play(pool, 0), play(pool, 1))  # the processes are there
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticking = asyncio.ensure_future(tick())
    found = await asyncio.gather(*(play(pool, number) for number in range(4)))
    ticking.cancel()
    assert [each[:2] for each in found] == [[f"task {n}", f"look in task {n}"] for n in range(4)]
    assert len({each[2] for each in found}) == 2
    assert ticks > 5


async def test_the_first_tasks_start_the_processes_once(pool: Any):
    await asyncio.gather(*(play(pool, number) for number in range(3)))
    assert len(pool.workers) == 2 == len(multiprocessing.active_children())


async def test_an_answer_that_nobody_waits_for_is_not_the_next_ones(pool: Any):
    await asyncio.gather(play(pool, 0), play(pool, 1))
    tasks = [asyncio.ensure_future(play(pool, number, steps=5)) for number in (7, 8)]
    await asyncio.sleep(0.1)
    before = time.monotonic()
    for task in tasks:
        task.cancel()
    assert all(
        isinstance(each, asyncio.CancelledError) for each in await asyncio.gather(*tasks, return_exceptions=True)
    )
    assert time.monotonic() - before < 1
    found = await asyncio.gather(play(pool, 1), play(pool, 2))
    assert [each[:2] for each in found] == [["task 1", "look in task 1"], ["task 2", "look in task 2"]]


async def test_a_task_that_is_cancelled_while_it_waits_takes_nothing(pool: Any):
    async with pool.session(), pool.session():
        waiting = asyncio.ensure_future(play(pool, 1))
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert pool.available.qsize() == 2


def test_a_pool_serves_one_loop_after_the_other(pool: Any):
    assert asyncio.run(play(pool, 1))[:2] == asyncio.run(play(pool, 1))[:2]
