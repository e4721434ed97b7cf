"""Child processes whose waits are awaited."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

from tests.patches.conftest import ADDITIONS, load

ECHO = "import sys\nfor line in sys.stdin: print(line.strip().upper(), flush=True)\nsys.exit(3)"
DEAF = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)\ntime.sleep(60)"


PIPES: dict[str, Any] = {
    "stdin": subprocess.PIPE,
    "stdout": subprocess.PIPE,
    "stderr": subprocess.PIPE,
    "text": True,
    "encoding": "UTF-8",
}


@pytest.fixture
def start(runtime: SimpleNamespace) -> Any:
    processes = load("dspy.utils.processes", ADDITIONS / "utils" / "processes.py")

    async def start(code: str) -> Any:
        return await processes.Popen([sys.executable, "-c", code], env=dict(os.environ), **PIPES)

    return start


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_what_is_written_is_answered(start: Any) -> None:
    process = await start(ECHO)
    for word in ("a", "ä" * 100_000):
        process.stdin.write(f"{word}\n")
        await process.stdin.flush()
        assert await process.stdout.readline() == f"{word.upper()}\n"
    assert process.poll() is None
    process.stdin.close()
    assert await process.stdout.readline() == "" and process.poll() == 3
    assert await process.wait() == 3 and not is_running(process.pid)


async def test_a_program_that_is_not_there(start: Any, runtime: SimpleNamespace) -> None:
    processes = sys.modules["dspy.utils.processes"]
    with pytest.raises(FileNotFoundError):
        await processes.Popen(["no-such-program-anywhere"], env={}, **PIPES)


@pytest.mark.parametrize("other", [{"text": False}, {"encoding": "latin-1"}, {"stderr": subprocess.STDOUT}])
async def test_other_streams_are_refused(start: Any, other: dict[str, Any]) -> None:
    processes = sys.modules["dspy.utils.processes"]
    with pytest.raises(ValueError, match="three pipes, with text in UTF-8"):
        await processes.Popen([sys.executable, "-c", ""], env={}, **(PIPES | other))


async def test_writing_to_one_that_has_ended(start: Any) -> None:
    process = await start("")
    await process.wait()
    with pytest.raises(BrokenPipeError):
        for _ in range(3):
            process.stdin.write("x" * 100_000)
            await process.stdin.flush()
    process.terminate()
    process.kill()


async def test_one_that_will_not_end_is_killed(start: Any) -> None:
    process = await start(DEAF)
    await process.stdout.readline()
    process.terminate()
    before = time.monotonic()
    assert await process.end(0.1) == -9
    assert time.monotonic() - before < 1


async def test_one_that_is_waited_for_by_a_task_that_is_cancelled_is_killed(start: Any) -> None:
    process = await start(DEAF)
    task = asyncio.ensure_future(process.end(60))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await process.wait() == -9


async def test_one_may_be_ended_without_waiting(start: Any) -> None:
    process = await start(DEAF)
    process.end_later(0.05)
    assert process.poll() is None
    assert await process.wait() == -9


async def test_one_that_is_forgotten_is_killed(start: Any) -> None:
    process = await start(DEAF)
    pid, transport = process.pid, process._transport
    del process
    gc.collect()
    await asyncio.wait_for(transport._wait(), 5)
    assert not is_running(pid)
    transport.close()


async def test_it_belongs_to_its_loop(start: Any) -> None:
    process = await start(DEAF)
    problems: list[Exception] = []

    def elsewhere() -> None:
        assert not process.on_its_loop
        for call in (process.wait, process.stdout.readline, process.stdout.read):
            try:
                asyncio.run(call())
            except RuntimeError as error:
                problems.append(error)
        process.end_later(0)  # nobody watches it there: it is killed at once

    thread = threading.Thread(target=elsewhere)
    thread.start()
    await asyncio.to_thread(thread.join)
    assert len(problems) == 3 and all("event loop that started it" in str(each) for each in problems)
    assert not is_running(process.pid)


async def test_a_loop_that_tells_nothing_of_its_process(start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """uvloop's transports have no `subprocess.Popen`: the process is ended by its number."""
    monkeypatch.setattr("asyncio.base_subprocess.BaseSubprocessTransport.get_extra_info", lambda self, name, d=None: d)
    process = await start(DEAF)
    assert await process.stdout.readline() == "up\n"
    pid = process.pid
    del process
    gc.collect()
    async with asyncio.timeout(10):
        while is_running(pid):
            await asyncio.sleep(0.01)
