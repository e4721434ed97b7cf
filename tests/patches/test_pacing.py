"""Many calls at once leave the event loop to others meanwhile."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Awaitable, Callable
from contextvars import ContextVar, copy_context
from types import SimpleNamespace
from typing import Any

import pytest


@pytest.fixture
def pacing(runtime: SimpleNamespace) -> Any:
    return runtime.pacing


async def turns_during(work: Awaitable[Any]) -> int:
    """How many turns of the loop another task gets until the work is done."""
    done, turns = asyncio.ensure_future(work), 0
    while not done.done():
        await asyncio.sleep(0)
        turns += 1
    await done
    return turns


async def all_of(call: Callable[[int], Awaitable[Any]], count: int) -> list[Any]:
    return await asyncio.gather(*[call(number) for number in range(count)])


# -- who waits --------------------------------------------------------------------------------------------------------


async def test_others_run_meanwhile(pacing: Any) -> None:
    async def call(number: int) -> None:
        await pacing.pace()
        await asyncio.sleep(0)

    async def at_once(number: int) -> None:
        await asyncio.sleep(0)

    assert await turns_during(all_of(call, 20)) >= 20
    assert await turns_during(all_of(at_once, 20)) < 10


async def test_who_is_alone_never_waits(pacing: Any) -> None:
    async def call() -> None:
        for _ in range(100):
            await pacing.pace()
            await pacing.pace(always=True)

    assert await turns_during(call()) < 10


async def test_calls_that_are_answered_at_once_run_one_after_another(pacing: Any) -> None:
    log: list[tuple[int, int]] = []

    async def call(number: int) -> None:
        for step in range(3):
            await pacing.pace()
            log.append((number, step))

    assert await turns_during(all_of(call, 20)) < 10
    assert log == [(number, step) for number in range(20) for step in range(3)]


async def test_cached_answers_wait_also_for_those_that_are_over(pacing: Any) -> None:
    async def call(number: int) -> None:
        await pacing.pace(always=True)

    assert await turns_during(all_of(call, 20)) >= 20


# -- in which order ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("waits", [(), (0,), (1,), (0, 1), (2,), (0, 1, 2)])
@pytest.mark.parametrize("always", [False, True])
async def test_the_order_is_that_without_it(pacing: Any, waits: tuple[int, ...], always: bool) -> None:
    """Whichever steps of a call wait for something, and whether its answers are cached or not."""

    async def nothing(**given: Any) -> None:
        pass

    async def order(pace: Callable[..., Awaitable[None]]) -> list[tuple[int, int]]:
        log: list[tuple[int, int]] = []

        async def call(number: int) -> None:
            for step in range(3):
                await pace()
                log.append((number, step))
                if step in waits:
                    await asyncio.sleep(0)
                await pace(always=always)

        await all_of(call, 5)
        return log

    assert await order(pacing.pace) == await order(nothing)


async def test_who_comes_last_is_before_nobody(pacing: Any) -> None:
    """Not even where it comes when the one before it was just let go, and has not run since."""
    log: list[str] = []

    async def call(name: str) -> None:
        await pacing.pace()
        log.append(name)
        await asyncio.sleep(0)

    others = [asyncio.ensure_future(call(name)) for name in "ab"]
    await asyncio.sleep(0)
    turn = next(iter(pacing._turns.values()))
    assert log == ["a"] and turn._waiting
    turn._end()
    await call("c")
    await asyncio.gather(*others)
    assert log == ["a", "b", "c"]


async def test_a_cancelled_one_takes_nobodys_turn(pacing: Any) -> None:
    log: list[int] = []

    async def call(number: int) -> None:
        await pacing.pace()
        log.append(number)
        await asyncio.sleep(0)

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
        await asyncio.sleep(0)

    tasks = [asyncio.ensure_future(call(number)) for number in range(4)]
    await asyncio.sleep(0)
    next(iter(pacing._turns.values()))._end()
    tasks[1].cancel()
    await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)
    assert log == [0, 2, 3] and tasks[1].cancelled()


# -- what is left of it -----------------------------------------------------------------------------------------------


async def _call(pacing: Any) -> None:
    await pacing.pace()
    await asyncio.sleep(0)


def test_nothing_is_left_of_it(pacing: Any) -> None:
    async def many() -> None:
        await all_of(lambda number: _call(pacing), 5)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not pacing._turns

    asyncio.run(many())


def test_it_ends_with_a_loop_that_stops_early(pacing: Any) -> None:
    async def leave() -> None:
        tasks.extend(asyncio.ensure_future(_call(pacing)) for _ in range(5))
        await asyncio.sleep(0)

    tasks: list[asyncio.Task[None]] = []
    loop = asyncio.new_event_loop()
    loop.run_until_complete(leave())
    assert pacing._turns
    for task in tasks:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    loop.close()
    alive = weakref.ref(loop)
    tasks.clear()
    del loop, task
    gc.collect()
    assert not pacing._turns and alive() is None


async def test_no_context_is_held_for_those_that_wait(pacing: Any) -> None:
    class Request:
        pass

    current: ContextVar[Request] = ContextVar("current")

    def begin() -> tuple[asyncio.Task[None], weakref.ref[Request]]:
        request = Request()
        context = copy_context()
        context.run(current.set, request)
        return context.run(lambda: asyncio.ensure_future(pacing.pace())), weakref.ref(request)

    first, request = begin()
    others = [asyncio.ensure_future(_call(pacing)) for _ in range(9)]
    blocker = asyncio.ensure_future(pacing.pace(always=True))
    await first
    del first
    await asyncio.sleep(0)
    gc.collect()
    assert request() is None and not blocker.done()
    await asyncio.gather(*others, blocker)


def test_each_loop_has_turns_of_its_own(pacing: Any) -> None:
    async def call(log: list[str], name: str) -> None:
        await pacing.pace()
        log.append(name)
        await asyncio.sleep(0.01)

    async def many(log: list[str]) -> None:
        await asyncio.gather(*[call(log, name) for name in "abc"])

    async def main() -> None:
        logs: list[list[str]] = [[], [], []]
        await asyncio.gather(*[asyncio.to_thread(asyncio.run, many(log)) for log in logs])
        assert logs == [["a", "b", "c"]] * 3

    asyncio.run(main())
    assert not pacing._turns


def test_without_a_loop_there_is_nobody_to_wait_for(pacing: Any) -> None:
    with pytest.raises(StopIteration):
        pacing.pace().send(None)
