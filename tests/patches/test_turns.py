"""Whose turn it is with an object."""

from __future__ import annotations

import asyncio
import copy
import pickle
from types import SimpleNamespace
from typing import Any

import pytest

from tests.patches.conftest import ADDITIONS, load


@pytest.fixture
def turns(runtime: SimpleNamespace) -> Any:
    load("dspy.utils.blocking", ADDITIONS / "utils" / "blocking.py")
    return load("dspy.utils.turns", ADDITIONS / "utils" / "turns.py")


async def test_tasks_take_turns(turns: Any) -> None:
    turn, log = turns.Turn(), []

    async def work(name: str) -> None:
        async with turn.taking():
            log.append(f"{name} begins")
            await asyncio.sleep(0)
            log.append(f"{name} ends")

    assert not turn.taken
    await asyncio.gather(work("a"), work("b"))
    assert log == ["a begins", "a ends", "b begins", "b ends"] and not turn.taken


async def test_who_has_it_may_take_it_again_and_so_may_its_tasks(turns: Any) -> None:
    turn = turns.Turn()

    async def again() -> bool:
        async with turn.taking():
            return turn.taken

    async with turn.taking():
        assert await again() and await asyncio.create_task(again())
        assert turn.taken
    assert not turn.taken


async def test_a_task_of_an_earlier_turn_waits_like_any_other(turns: Any) -> None:
    turn, go_on, log = turns.Turn(), asyncio.Event(), []

    async def late() -> None:
        await go_on.wait()
        async with turn.taking():
            log.append("late")

    async with turn.taking():
        task = asyncio.create_task(late())
    async with turn.taking():
        go_on.set()
        await asyncio.sleep(0.01)
        log.append("first")
    await task
    assert log == ["first", "late"]


async def test_it_is_free_again_after_an_error_and_a_cancellation(turns: Any) -> None:
    turn = turns.Turn()
    for error in (KeyError, asyncio.CancelledError):
        with pytest.raises(error):
            async with turn.taking():
                raise error
        assert not turn.taken


async def test_a_copy_has_a_turn_of_its_own(turns: Any) -> None:
    owner = SimpleNamespace()
    turn = turns.Turn.of(owner)
    assert turns.Turn.of(owner) is turn
    async with turn.taking():
        for twin in (copy.deepcopy(owner), pickle.loads(pickle.dumps(owner))):
            assert turns.Turn.of(twin) is not turn and not turns.Turn.of(twin).taken
