"""What a thread makes for a call that may have been cancelled."""

from __future__ import annotations

import asyncio
import threading
import time
from types import ModuleType, SimpleNamespace

import pytest

from tests.patches.conftest import ADDITIONS, load


@pytest.fixture
def handover(runtime: SimpleNamespace) -> ModuleType:
    return load("dspy.utils.handover", ADDITIONS / "utils" / "handover.py")


class Made:
    """What a thread makes, when it is told to."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.discarded: list[tuple[object, bool]] = []

    def make(self) -> Made:
        self.begun.set()
        assert self.go_on.wait(20)
        return self

    def discard(self, made: object) -> None:
        self.discarded.append((made, threading.current_thread() is threading.main_thread()))

    async def discard_later(self, made: object) -> None:
        await asyncio.sleep(0)
        self.discard(made)


async def test_what_is_made_in_a_thread_is_handed_over(handover: ModuleType) -> None:
    made = Made()
    made.go_on.set()
    assert await handover.made_in_thread(made.make, made.discard) is made
    assert made.discarded == []


@pytest.mark.parametrize("discard", ["discard", "discard_later"])
async def test_what_is_made_after_a_cancellation_is_discarded(handover: ModuleType, discard: str) -> None:
    made = Made()
    task = asyncio.create_task(handover.made_in_thread(made.make, getattr(made, discard)))
    assert await asyncio.to_thread(made.begun.wait, 20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert made.discarded == []
    made.go_on.set()
    await asyncio.get_running_loop().shutdown_default_executor()
    assert made.discarded == [(made, False)]


@pytest.mark.parametrize("discard", ["discard", "discard_later"])
async def test_so_is_what_was_made_before_its_news_came(handover: ModuleType, discard: str) -> None:
    made = Made()
    task = asyncio.create_task(handover.made_in_thread(made.make, getattr(made, discard)))
    await asyncio.sleep(0)
    assert made.begun.wait(20)
    made.go_on.set()
    time.sleep(0.1)  # the loop learns of it only after this
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert made.discarded == [(made, True)]


async def test_errors_of_making_come_through_and_of_discarding_are_logged(
    handover: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> None:
        raise LookupError("broken")

    with pytest.raises(LookupError):
        await handover.made_in_thread(fails, fails)
    made = Made()
    task = asyncio.create_task(handover.made_in_thread(made.make, fails))
    assert await asyncio.to_thread(made.begun.wait, 20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert caplog.text == ""
    made.go_on.set()
    await asyncio.get_running_loop().shutdown_default_executor()
    assert "could not be ended" in caplog.text and "LookupError: broken" in caplog.text
