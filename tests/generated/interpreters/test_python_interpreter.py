"""PythonInterpreter: a process on the event loop, one task at a time, tools of the host, and what is left behind."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import dspy
import pytest
from dspy.primitives.code_interpreter import CodeExecutionError, CodeInterpreterError, FinalOutput

from tests.generated.interpreters.conftest import in_both, is_running
from tests.generated.interpreters.sandboxes import stand_in

SETTINGS = dspy.Settings()


@in_both
async def test_runs_code_and_keeps_its_state(made):
    async with made() as interpreter:
        assert await interpreter(SETTINGS, "x = 6\nprint('six')") == "six\n"
        assert await interpreter.execute(SETTINGS, "x * factor", {"factor": 7}) == 42
        assert await interpreter.execute(SETTINGS, "SUBMIT(x)") == FinalOutput({"output": 6})
        with pytest.raises(CodeExecutionError, match="ZeroDivisionError"):
            await interpreter.execute(SETTINGS, "1 / 0")
        with pytest.raises(SyntaxError):
            await interpreter.execute(SETTINGS, "1 +")
        assert await interpreter.execute(SETTINGS, "x") == 6
        process = interpreter.deno_process
    assert process.poll() == 0
    assert interpreter.deno_process is None
    with pytest.raises(CodeInterpreterError, match="session has ended"):
        await interpreter.execute(SETTINGS, "1")


@in_both
async def test_tools_of_every_kind_are_called_with_the_settings_of_the_call(made):
    async def search(settings: dspy.Settings, query: str, limit: int = 2) -> list[str]:
        await asyncio.sleep(0)
        return [f"{settings.tenant}: {query}"] * limit

    def shout(text: str) -> str:
        return text.upper()

    async def fails(settings):
        raise ValueError("no such thing")

    async with made(tools={"search": search, "shout": shout, "fails": fails}) as interpreter:
        mine = SETTINGS.context(tenant="me")
        assert await interpreter.execute(mine, "search('a')") == ["me: a", "me: a"]
        assert await interpreter.execute(SETTINGS.context(tenant="you"), "search('b', limit=1)") == ["you: b"]
        assert await interpreter.execute(mine, "shout(text='x')") == "X"
        with pytest.raises(CodeExecutionError, match="ValueError: no such thing"):
            await interpreter.execute(mine, "fails()")
        assert await interpreter.execute(mine, "shout('still there')") == "STILL THERE"


@in_both
async def test_a_tool_that_waits_lets_other_tasks_run(made):
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def wait() -> str:
        reached.set()
        await go_on.wait()
        return "waited"

    async with made(tools={"wait": wait}) as interpreter:
        running = asyncio.create_task(interpreter.execute(SETTINGS, "wait()"))
        await reached.wait()
        go_on.set()
        assert await running == "waited"


async def test_tasks_take_turns(made):
    inside = 0

    async def alone(name: str) -> str:
        nonlocal inside
        inside += 1
        assert inside == 1
        await asyncio.sleep(0.02)
        inside -= 1
        return name

    async with made(tools={"alone": alone}) as interpreter:
        names = ["a", "b", "c", "d"]
        said = await asyncio.gather(*(interpreter.execute(SETTINGS, f"alone('{name}')") for name in names))
    assert said == names


async def test_tasks_that_start_it_together_start_one_process(made):
    interpreter = made()
    async with interpreter:
        await asyncio.gather(*(interpreter.start(SETTINGS) for _ in range(3)))
        process = interpreter.deno_process
        await interpreter.start(SETTINGS)
        assert interpreter.deno_process is process


@in_both
@pytest.mark.parametrize("in_a_task_of_its_own", [False, True])
async def test_a_tool_cannot_run_code_in_the_interpreter_that_called_it(made, in_a_task_of_its_own: bool):
    async def nested() -> Any:
        call = interpreter.execute(SETTINGS, "1")
        return await (asyncio.create_task(call) if in_a_task_of_its_own else call)

    async with made(tools={"nested": nested}) as interpreter:
        with pytest.raises(CodeExecutionError, match="cannot execute recursively"):
            await asyncio.wait_for(interpreter.execute(SETTINGS, "nested()"), 60)  # not for ever
        assert await interpreter.execute(SETTINGS, "40 + 2") == 42


async def test_many_interpreters_at_once(made):
    async def count(start: int) -> int:
        async with made() as interpreter:
            await interpreter.execute(SETTINGS, f"x = {start}")
            return await interpreter.execute(SETTINGS, "x")

    assert await asyncio.gather(*map(count, range(3))) == [0, 1, 2]


@in_both
async def test_values_longer_than_any_buffer_go_both_ways(made):
    text = "ä" * 300_000
    async with made() as interpreter:
        assert await interpreter.execute(SETTINGS, "text + '!'", {"text": text}) == text + "!"


# -- ends -------------------------------------------------------------------------------------------------------------


@pytest.mark.api("5.10")
@in_both
@pytest.mark.parametrize("code", ["while True: pass", "wait()"])
async def test_cancelling_a_run_leaves_no_process(made, code: str):
    async def wait() -> None:
        await asyncio.sleep(60)

    interpreter = made(tools={"wait": wait})
    await interpreter.start(SETTINGS)
    process = interpreter.deno_process
    running = asyncio.create_task(interpreter.execute(SETTINGS, code))
    await asyncio.sleep(0.3)
    before = time.monotonic()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert time.monotonic() - before < 1
    assert not is_running(process.pid)
    with pytest.raises(CodeInterpreterError, match="session has ended"):
        await interpreter.execute(SETTINGS, "1")
    await interpreter.shutdown(SETTINGS)


@pytest.mark.parametrize("seconds", [0.0, 0.1])
async def test_cancelling_a_start_leaves_no_process(monkeypatch: pytest.MonkeyPatch, seconds: float):
    from dspy.utils.processes import AsyncProcess

    started = []
    init = AsyncProcess.__init__
    monkeypatch.setattr(AsyncProcess, "__init__", lambda self, *a: (init(self, *a), started.append(self.pid))[0])
    interpreter = dspy.PythonInterpreter(deno_command=stand_in("--slow-start", "30"))
    starting = asyncio.create_task(interpreter.start(SETTINGS))
    await asyncio.sleep(seconds)
    starting.cancel()
    before = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert time.monotonic() - before < 1
    assert not any(map(is_running, started))


async def test_a_task_that_is_cancelled_while_it_waits_for_its_turn_takes_nothing_from_the_other(made):
    go_on = asyncio.Event()

    async def wait() -> str:
        await go_on.wait()
        return "done"

    async with made(tools={"wait": wait}) as interpreter:
        first = asyncio.create_task(interpreter.execute(SETTINGS, "wait()"))
        await asyncio.sleep(0.05)
        second = asyncio.create_task(interpreter.execute(SETTINGS, "1"))
        await asyncio.sleep(0.05)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        go_on.set()
        assert await first == "done"
        assert await interpreter.execute(SETTINGS, "2") == 2


async def test_shutdown_during_a_run_ends_it(made):
    interpreter = made()
    await interpreter.start(SETTINGS)
    process = interpreter.deno_process
    running = asyncio.create_task(interpreter.execute(SETTINGS, "while True: pass"))
    await asyncio.sleep(0.2)
    before = time.monotonic()
    await interpreter.shutdown(SETTINGS)
    with pytest.raises(CodeInterpreterError, match="exited"):
        await running
    assert time.monotonic() - before < 1
    assert not is_running(process.pid)


async def test_a_process_that_will_not_end_is_killed(monkeypatch: pytest.MonkeyPatch):
    from dspy.utils.processes import AsyncProcess

    monkeypatch.setattr(AsyncProcess.end, "__defaults__", (0.2,))
    interpreter = dspy.PythonInterpreter(deno_command=stand_in("--deaf"))
    await interpreter.start(SETTINGS)
    process = interpreter.deno_process
    await interpreter.shutdown(SETTINGS)
    assert process.poll() == -9


@in_both
async def test_a_process_that_dies_ends_the_session(made):
    interpreter = made()
    await interpreter.execute(SETTINGS, "x = 1")
    interpreter.deno_process.kill()
    await interpreter.deno_process.wait()
    with pytest.raises(CodeInterpreterError, match="interpreter state was lost"):
        await interpreter.execute(SETTINGS, "x")
    await interpreter.shutdown(SETTINGS)


async def test_a_process_that_dies_during_a_run_ends_the_session():
    interpreter = dspy.PythonInterpreter(deno_command=stand_in())
    async with interpreter:
        with pytest.raises(CodeInterpreterError, match=r"Deno exited \(code 3\) during execution: last words"):
            await interpreter.execute(SETTINGS, "import os, sys\nos.write(2, b'last words')\nos._exit(3)")


async def test_a_missing_executable_says_what_to_install():
    interpreter = dspy.PythonInterpreter(deno_command=["no-such-program-anywhere"])
    with pytest.raises(CodeInterpreterError, match="Deno executable not found"):
        await interpreter.start(SETTINGS)
    await interpreter.shutdown(SETTINGS)


@in_both
async def test_with_closes_without_waiting(made):
    with made() as interpreter:
        await interpreter.execute(SETTINGS, "x = 1")
        process = interpreter.deno_process
        before = time.monotonic()
    assert time.monotonic() - before < 0.05
    assert await asyncio.wait_for(process.wait(), 60) == 0
    with pytest.raises(CodeInterpreterError, match="session has ended"):
        await interpreter.execute(SETTINGS, "x")


def test_a_process_belongs_to_its_loop():
    interpreter = dspy.PythonInterpreter(deno_command=stand_in())

    async def twice() -> None:
        await interpreter.execute(SETTINGS, "x = 1")
        process = interpreter.deno_process

        def elsewhere() -> None:
            with pytest.raises(RuntimeError, match="cannot be shared across threads"):
                asyncio.run(interpreter.execute(SETTINGS, "x"))

        await asyncio.to_thread(elsewhere)
        assert interpreter.deno_process is process
        await interpreter.shutdown(SETTINGS)

    asyncio.run(twice())


def test_calls_of_a_script_share_a_process(made):
    interpreter = made()
    execute = dspy.syncify(interpreter.execute)
    assert execute(SETTINGS, "x = 6\nprint('six')") == "six\n"
    assert execute(SETTINGS, "x") == 6
    dspy.syncify(interpreter.__aexit__)(None, None, None)
    assert interpreter.deno_process is None


async def test_files_are_written_back_by_the_end(tmp_path: Path):
    path = tmp_path / "notes.txt"
    path.write_text("old")
    async with dspy.PythonInterpreter(deno_command=stand_in(), enable_write_paths=[path]) as interpreter:
        await interpreter.execute(SETTINGS, "FILES['/sandbox/notes.txt'] += b' and new'")
    assert path.read_text() == "old and new"


async def test_files_are_written_back_by_the_end_with_deno(deno: list[str], tmp_path: Path):
    path = tmp_path / "made.txt"
    async with dspy.PythonInterpreter(deno_command=deno, enable_write_paths=[path]) as interpreter:
        await interpreter.execute(SETTINGS, "open('/sandbox/made.txt', 'w').write('here')\nNone")
    assert path.read_text() == "here"


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))])
async def test_a_copy_is_an_interpreter_of_its_own(made, twin):
    interpreter = made()
    other = twin(interpreter)
    async with interpreter, other:
        assert await interpreter.execute(SETTINGS, "x = 1\nx") == 1
        with pytest.raises(CodeExecutionError, match="NameError"):
            await other.execute(SETTINGS, "x")
    again = twin(interpreter)
    with pytest.raises(CodeInterpreterError, match="session has ended"):
        await again.execute(SETTINGS, "1")


@in_both
async def test_callbacks_see_the_session(made):
    events = []

    class Handler(dspy.utils.BaseCallback):
        def __getattribute__(self, name: str) -> Any:
            if not name.startswith("on_interpreter"):
                return super().__getattribute__(name)

            async def handler(*, settings: dspy.Settings, **_: Any) -> None:
                events.append((name.removeprefix("on_interpreter_"), settings.get("tenant")))

            return handler

    settings = dspy.Settings(callbacks=[Handler()], tenant="me")
    async with made(tools={"echo": lambda text: text}) as interpreter:
        await interpreter.execute(settings, "echo('x')")
    names = ["execute_start", "startup_start", "startup_end", "tool_call_start", "tool_call_end", "execute_end"]
    assert events == [(name, "me") for name in [*names, "shutdown_start", "shutdown_end"]]


@pytest.mark.api("2.2")
async def test_a_missing_settings_argument_is_named(made):
    with pytest.raises(TypeError, match=r"needs a dspy\.Settings as its first argument"):
        await made()("1 + 1")
    with pytest.raises(TypeError, match=r"needs a dspy\.Settings as its first argument"):
        await made().execute("1 + 1")


@pytest.mark.parametrize("code", ["1", "while True: pass"])
def test_an_interpreter_that_is_forgotten_leaves_no_process(code: str):
    """Python ends, or its loop does, without a word to the interpreter."""
    script = (
        "import asyncio, sys, dspy\n"
        "async def main():\n"
        "    interpreter = dspy.PythonInterpreter(deno_command=sys.argv[2:])\n"
        "    await interpreter.start(dspy.Settings())\n"
        "    print(interpreter.deno_process.pid, flush=True)\n"
        "    task = asyncio.ensure_future(interpreter.execute(dspy.Settings(), sys.argv[1]))\n"
        "    await asyncio.wait([task], timeout=0.2)\n"
        "    return interpreter, task\n"
        "loop = asyncio.new_event_loop()\n"
        "kept = loop.run_until_complete(main())\n"
    )
    command = [sys.executable, "-c", script, code, *stand_in()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert not is_running(int(done.stdout))


# -- the command that starts Deno --------------------------------------------------------------------------------------

DENO = """#!{python}
import json, os, sys
with open({log!r}, "a") as log:
    print(json.dumps(sys.argv[1:]), file=log)
if sys.argv[1] == "--version":
    print("deno 2.4.5 (stable)")
elif sys.argv[1] == "info":
    print(json.dumps({{"denoDir": {folder!r}}}))
else:
    os.execv(sys.executable, {command!r})
"""
"""An executable that answers what Deno is asked before it runs anything, and runs the stand-in."""


class Executable:
    """It notes what it was started with."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "deno"
        self.cache = folder / "cache"
        self.log = folder / "log"
        self.log.touch()
        values = {"python": sys.executable, "log": str(self.log), "folder": str(self.cache), "command": stand_in()}
        self.path.write_text(DENO.format(**values))
        self.path.chmod(0o755)

    @property
    def starts(self) -> list[list[str]]:
        """The arguments of every start."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@pytest.fixture
def executable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Executable:
    """What interpreters take for Deno that are made without a command."""
    found = Executable(tmp_path)
    monkeypatch.delenv("DENO_DIR", raising=False)
    monkeypatch.setattr("dspy.primitives.python_interpreter._find_deno_executable", lambda: str(found.path))
    return found


@pytest.mark.api("1.7")
async def test_making_an_interpreter_starts_nothing(executable: Executable):
    dspy.PythonInterpreter()
    assert executable.starts == []


async def test_the_first_calls_ask_deno_once_where_its_files_are(executable: Executable):
    async with dspy.PythonInterpreter() as interpreter:
        results = await asyncio.gather(*(interpreter.execute(SETTINGS, f"{number}") for number in range(3)))
    assert results == [0, 1, 2]
    assert [start[0] for start in executable.starts] == ["info", "--version", "run"]
    run = executable.starts[-1]
    readable = next(each for each in run if each.startswith("--allow-read="))
    assert str(executable.cache) in readable.removeprefix("--allow-read=").split(",")
    assert run[-1] == f"--dspy-deno-dir={executable.cache}"


async def test_a_known_place_is_not_asked_for(executable: Executable, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DENO_DIR", str(executable.cache))
    async with dspy.PythonInterpreter() as interpreter:
        assert await interpreter.execute(SETTINGS, "1") == 1
    assert [start[0] for start in executable.starts] == ["--version", "run"]
    assert executable.starts[-1].count(f"--dspy-deno-dir={executable.cache}") == 1


async def test_code_may_not_write_to_files_of_deno(executable: Executable):
    interpreter = dspy.PythonInterpreter(enable_write_paths=[executable.cache / "made.txt"])
    with pytest.raises(CodeInterpreterError, match="runtime files"):
        await interpreter.execute(SETTINGS, "1")
    assert [start[0] for start in executable.starts] == ["info"]
