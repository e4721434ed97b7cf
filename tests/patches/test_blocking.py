"""Threads for code that can only block, and locks that are on no instance."""

from __future__ import annotations

import asyncio
import threading
import time
from contextvars import ContextVar
from types import ModuleType, SimpleNamespace

import pytest

from tests.patches.conftest import PATCHES, load

WHO: ContextVar[str] = ContextVar("who", default="nobody")


@pytest.fixture
def blocking(runtime: SimpleNamespace) -> ModuleType:
    return load("dspy.utils.blocking", PATCHES / "additions/dspy/utils/blocking.py")


class Owner:
    """Anything that has a lock."""


async def test_a_lock_for_each_object(blocking: ModuleType) -> None:
    one, other = Owner(), Owner()
    assert blocking.lock_of(one) is blocking.lock_of(one) is not blocking.lock_of(other)
    assert vars(one) == {}


def test_a_lock_for_each_loop(blocking: ModuleType) -> None:
    owner, order = Owner(), []

    async def one(name: str) -> None:
        async with blocking.lock_of(owner):
            order.append(name)
            await asyncio.sleep(0)
            order.append(name)

    async def both() -> None:
        await asyncio.gather(one("a"), one("b"))

    asyncio.run(both())
    asyncio.run(both())
    assert order == ["a", "a", "b", "b"] * 2


async def test_what_the_thread_calls_runs_on_the_loop(blocking: ModuleType) -> None:
    worker, here = blocking.Worker(), threading.get_ident()
    WHO.set("caller")

    async def waits(number: int) -> tuple[int, bool, str]:
        await asyncio.sleep(0)
        return number, threading.get_ident() == here, WHO.get()

    def work(waits, plain) -> list:
        assert threading.get_ident() != here
        return [waits(1), plain(number=2)]

    found = await worker.run(work, worker.blocking(waits), worker.blocking(lambda number: number))
    assert found == [(1, True, "caller"), 2]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("dspy-worker")]


async def test_errors_go_both_ways(blocking: ModuleType) -> None:
    worker = blocking.Worker()

    async def broken() -> None:
        raise KeyError("called back")

    def work(call) -> None:
        try:
            call()
        except KeyError as error:
            raise LookupError(str(error)) from error

    with pytest.raises(LookupError, match="called back"):
        await worker.run(work, worker.blocking(broken))


@pytest.mark.parametrize("impatient", [False, True])
async def test_code_that_catches_exceptions_is_stopped(blocking: ModuleType, impatient: bool) -> None:
    worker, began, ended = blocking.Worker(), asyncio.Event(), []

    async def waits() -> None:
        began.set()
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            ended.append("call")

    def work(call) -> None:
        try:
            while True:
                try:
                    call()
                except Exception:
                    continue
        finally:
            time.sleep(0.02)
            ended.append("work")

    task = asyncio.ensure_future(worker.run(work, worker.blocking(waits)))
    await began.wait()
    task.cancel()
    if impatient:
        await asyncio.sleep(0)
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(asyncio.shield(task), 5)
    assert ended == ["call", "work"]


async def test_a_call_that_cancels_itself(blocking: ModuleType) -> None:
    worker = blocking.Worker()

    async def cancels() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await worker.run(lambda call: call(), worker.blocking(cancels))


def test_a_loop_that_goes_away_leaves_no_thread_waiting(blocking: ModuleType) -> None:
    began = threading.Event()

    async def waits() -> None:
        began.set()
        await asyncio.sleep(60)

    async def start() -> None:
        worker = blocking.Worker()
        tasks.append(asyncio.ensure_future(worker.run(lambda call: call(), worker.blocking(waits))))
        while not began.is_set():
            await asyncio.sleep(0.01)

    tasks: list[asyncio.Task[None]] = []
    loop = asyncio.new_event_loop()
    loop.run_until_complete(start())
    tasks[0].get_coro().close()  # type: ignore[union-attr]
    deadline = time.monotonic() + 5
    while any(thread.name.startswith("dspy-worker") for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    loop.close()
