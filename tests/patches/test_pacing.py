"""Many calls at once leave the event loop to others meanwhile."""

from __future__ import annotations

import asyncio
import gc
import time
import weakref
from types import SimpleNamespace
from typing import Any

import pytest

from tests.patches.test_callback import with_callbacks  # noqa: F401 - a fixture

BUSY = 0.003
"""Seconds of work in a step: more than the budget of a turn."""


@pytest.fixture
def pacing(runtime: SimpleNamespace) -> Any:
    return runtime.pacing


def busy(seconds: float = BUSY) -> None:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


async def turns_during(work: Any) -> int:
    """How many turns of the loop another task gets until the work is done."""
    done, turns = asyncio.ensure_future(work), 0
    while not done.done():
        await asyncio.sleep(0)
        turns += 1
    await done
    return turns


async def test_others_run_meanwhile(pacing: Any) -> None:
    async def call() -> None:
        await pacing.pace()
        busy()

    async def at_once() -> None:
        busy()

    assert await turns_during(asyncio.gather(*[call() for _ in range(20)])) >= 20
    assert await turns_during(asyncio.gather(*[at_once() for _ in range(20)])) < 5


async def test_who_is_quick_never_waits(pacing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "BUDGET", 60)

    async def call() -> None:
        for _ in range(100):
            await pacing.pace()

    # The first turn of the loop begins the calls, the next is told of their end.
    assert await turns_during(asyncio.gather(*[call() for _ in range(100)])) <= 3


async def test_the_order_is_that_without_it(pacing: Any) -> None:
    log: list[tuple[int, int]] = []

    async def call(number: int) -> None:
        for step in range(3):
            await pacing.pace()
            log.append((number, step))
            busy()

    await asyncio.gather(*[call(number) for number in range(5)])
    assert log == [(number, step) for number in range(5) for step in range(3)]


async def test_who_has_waited_for_something_else_comes_after_those_that_wait(pacing: Any) -> None:
    log: list[str] = []

    async def call(name: str) -> None:
        await pacing.pace()
        log.append(f"{name} asks")
        busy()
        await asyncio.sleep(0)
        await pacing.pace()
        log.append(f"{name} is answered")
        busy()

    await asyncio.gather(*[call(name) for name in "abc"])
    assert log == ["a asks", "b asks", "c asks", "a is answered", "b is answered", "c is answered"]


async def test_a_cancelled_one_takes_nobodys_turn(pacing: Any) -> None:
    log: list[int] = []

    async def call(number: int) -> None:
        await pacing.pace()
        log.append(number)
        busy()

    tasks = [asyncio.ensure_future(call(number)) for number in range(5)]
    await asyncio.sleep(0)
    assert log == [0]
    tasks[2].cancel()
    await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)
    assert log == [0, 1, 3, 4] and tasks[2].cancelled()


async def test_one_cancelled_when_it_was_just_let_go_holds_nobody_up(pacing: Any) -> None:
    log: list[int] = []

    async def call(number: int) -> None:
        await pacing.pace()
        log.append(number)
        busy()

    tasks = [asyncio.ensure_future(call(number)) for number in range(4)]
    await asyncio.sleep(0)
    queue = next(iter(pacing._queues.values()))
    while len(queue._waiting) == 3:
        queue._let_go()
    tasks[1].cancel()
    await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)
    assert log == [0, 2, 3] and tasks[1].cancelled()


def test_nothing_is_left_of_it(pacing: Any) -> None:
    async def call() -> None:
        await pacing.pace()
        busy()

    async def many() -> None:
        await asyncio.gather(*[call() for _ in range(5)])
        assert asyncio.all_tasks() == {asyncio.current_task()}
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not pacing._queues

    asyncio.run(many())


def test_it_ends_with_a_loop_that_stops_early(pacing: Any) -> None:
    async def call() -> None:
        await pacing.pace()
        busy()

    async def leave() -> None:
        tasks.extend(asyncio.ensure_future(call()) for _ in range(5))
        await asyncio.sleep(0)

    tasks: list[asyncio.Task[None]] = []
    loop = asyncio.new_event_loop()
    loop.run_until_complete(leave())
    assert pacing._queues
    for task in tasks:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    loop.close()
    alive = weakref.ref(loop)
    tasks.clear()
    del loop, task
    gc.collect()
    assert not pacing._queues and alive() is None


def test_each_loop_has_a_queue_of_its_own(pacing: Any) -> None:
    async def call(log: list[str], name: str) -> None:
        await pacing.pace()
        log.append(name)
        busy()

    async def many(log: list[str]) -> None:
        await asyncio.gather(*[call(log, name) for name in "abc"])

    async def main() -> None:
        logs: list[list[str]] = [[], [], []]
        await asyncio.gather(*[asyncio.to_thread(asyncio.run, many(log)) for log in logs])
        assert logs == [["a", "b", "c"]] * 3

    asyncio.run(main())


def test_without_a_loop_there_is_nobody_to_wait_for(pacing: Any) -> None:
    with pytest.raises(StopIteration):
        pacing.pace().send(None)


async def test_calls_are_paced(runtime: Any, with_callbacks: Any) -> None:  # noqa: F811
    class Program:
        @with_callbacks
        async def forward(self, settings: Any) -> None:
            busy()

    settings, program = runtime.Settings(), Program()
    assert await turns_during(asyncio.gather(*[program.forward(settings) for _ in range(10)])) >= 10
