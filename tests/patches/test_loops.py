"""The event loop that the calls of a thread share."""

from __future__ import annotations

import asyncio
import contextvars
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tests.patches.conftest import ADDITIONS, load

LOOPS = ADDITIONS / "utils" / "loops.py"


@pytest.fixture(params=["of Python", "backported"])
def loops(runtime: SimpleNamespace, request: pytest.FixtureRequest) -> Iterator[Any]:
    module = load("dspy.utils.loops", LOOPS)
    if request.param == "backported":
        module.Runner = module.BackportedRunner
    yield module
    module._close_all()


async def loop_of() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


def in_thread(call: Any) -> Any:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(call()))
    thread.start()
    thread.join()
    return found[0]


def test_calls_of_a_thread_share_a_loop(loops: Any) -> None:
    mine = loops.run_here(loop_of())
    assert loops.run_here(loop_of()) is mine and not mine.is_running()
    other = in_thread(lambda: loops.run_here(loop_of()))
    assert other is not mine


def test_the_loop_of_a_thread_that_has_ended_is_closed(loops: Any) -> None:
    cleaned: list[str] = []

    async def leave_a_task() -> asyncio.AbstractEventLoop:
        async def work() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                cleaned.append("task")

        asyncio.get_running_loop().work = asyncio.ensure_future(work())  # type: ignore[attr-defined]
        await asyncio.sleep(0)
        return asyncio.get_running_loop()

    first = in_thread(lambda: loops.run_here(leave_a_task()))
    assert not first.is_closed()
    loops.run_here(loop_of())
    assert first.is_closed() and cleaned == ["task"]
    assert list(loops._runners) == [threading.current_thread()]


def test_nobody_else_comes_by_the_loop(loops: Any) -> None:
    mine = loops.run_here(loop_of())
    assert asyncio.run(loop_of()) is not mine
    assert loops.run_here(loop_of()) is mine

    def between() -> bool:
        loops.run_here(loop_of())
        with pytest.raises(RuntimeError):
            asyncio.get_event_loop()
        return True

    assert in_thread(between)


def test_each_call_sees_the_variables_of_its_caller(loops: Any) -> None:
    variable = contextvars.ContextVar("variable", default="none")

    async def seen() -> str:
        found = variable.get()
        variable.set("of the call")
        return found

    assert loops.run_here(seen()) == "none"
    variable.set("of the caller")
    assert loops.run_here(seen()) == loops.run_here(seen()) == "of the caller"


def test_errors_come_through_and_the_loop_stays(loops: Any) -> None:
    async def fails() -> None:
        raise LookupError("broken")

    mine = loops.run_here(loop_of())
    with pytest.raises(LookupError):
        loops.run_here(fails())
    assert loops.run_here(loop_of()) is mine


def test_ctrl_c_cancels_the_call_and_the_loop_stays(loops: Any) -> None:
    ended: list[str] = []

    async def interrupted() -> None:
        try:
            asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), signal.SIGINT)
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            ended.append("cleaned")
            raise

    mine = loops.run_here(loop_of())
    with pytest.raises(KeyboardInterrupt):
        loops.run_here(interrupted())
    assert ended == ["cleaned"]
    assert loops.run_here(loop_of()) is mine


SCRIPT = """
import asyncio, importlib.util, sys

spec = importlib.util.spec_from_file_location("loops", sys.argv[1])
loops = importlib.util.module_from_spec(spec)
spec.loader.exec_module(loops)
"""


def script(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-X", "dev", "-c", SCRIPT + textwrap.dedent(code), str(LOOPS)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_python_exits_whatever_is_left() -> None:
    """A task, a worker thread, and a daemon thread whose loop runs; the task may still wait for something."""
    done = script(
        """
        import threading, time

        async def work():
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                print("cleaned")

        async def leave():
            global task
            task = asyncio.ensure_future(work())
            asyncio.get_running_loop().run_in_executor(None, time.sleep, 0.2)
            await asyncio.sleep(0)

        loops.run_here(leave())
        threading.Thread(target=loops.run_here, args=(asyncio.sleep(100),), daemon=True).start()
        time.sleep(0.2)
        """
    )
    assert (done.returncode, done.stdout) == (0, "cleaned\n"), done.stderr
    assert "Traceback" not in done.stderr


def test_a_task_that_does_not_end_holds_nobody_up() -> None:
    done = script(
        """
        loops.SECONDS_TO_END = 0.1

        async def work():
            while True:
                try:
                    await asyncio.sleep(100)
                except asyncio.CancelledError:
                    pass

        async def leave():
            global task
            task = asyncio.ensure_future(work())
            await asyncio.sleep(0)

        loops.run_here(leave())
        """
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes are forked here")
def test_a_forked_process_has_loops_of_its_own() -> None:
    done = script(
        """
        import os

        async def loop_of():
            await asyncio.to_thread(lambda: None)
            return asyncio.get_running_loop()

        mine = loops.run_here(loop_of())
        child = os.fork()
        if child == 0:
            os._exit(loops.run_here(loop_of()) is mine)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert loops.run_here(loop_of()) is mine
        """
    )
    assert done.returncode == 0, done.stderr
