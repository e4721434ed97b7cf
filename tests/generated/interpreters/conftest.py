"""Sandboxes for interpreters: Deno with Pyodide where this machine can start it, and a process that speaks the same."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dspy
import pytest

from tests.generated.interpreters.sandboxes import stand_in

RUNNER = Path(dspy.__file__).parent / "primitives" / "runner.js"
LINES = """
export async function* readLines(reader) {
  const decoder = new TextDecoder();
  const chunk = new Uint8Array(65536);
  let held = "";
  for (let n = await reader.read(chunk); n !== null; n = await reader.read(chunk)) {
    const lines = (held + decoder.decode(chunk.subarray(0, n), {stream: true})).split("\\n");
    held = lines.pop();
    yield* lines;
  }
  if (held) yield held;
}
"""
"""The one function that the runner takes from Deno's old standard library, for machines that cannot fetch it."""


@pytest.fixture(scope="session")
def deno(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A command that runs the package's runner with Deno; skips where Deno or Pyodide is not to be had."""
    try:
        from deno import find_deno_bin

        executable = str(find_deno_bin())
    except (ImportError, FileNotFoundError):
        executable = shutil.which("deno") or ""
    if not executable:
        pytest.skip("there is no Deno: pip install deno")
    folder = tmp_path_factory.mktemp("deno")
    (folder / "lines.js").write_text(LINES)
    library = next(line.split('"')[1] for line in RUNNER.read_text().splitlines() if "readLines" in line)
    (folder / "map.json").write_text(f'{{"imports": {{"{library}": "./lines.js"}}}}')
    # Pyodide is compiled anew by each of dozens of processes: V8's first compiler does it in a third less time, and
    # what it makes, which runs slower, hardly runs.
    command = [executable, "run", "--v8-flags=--liftoff-only"]
    command += ["--no-config", "--no-lock", "--node-modules-dir=false", "--allow-read"]
    command += ["--allow-write", f"--import-map={folder / 'map.json'}", str(RUNNER), ""]
    request = '{"jsonrpc": "2.0", "id": 1, "method": "execute", "params": {"code": "20 + 1"}}\n'
    try:
        answer = subprocess.run(command, input=request, capture_output=True, text=True, timeout=60, check=False)
    except OSError as error:
        pytest.skip(f"Deno cannot be started here: {error}")
    except subprocess.TimeoutExpired:
        pytest.skip("Deno does not come to running Pyodide within a minute")
    if '"output":21' not in answer.stdout:
        pytest.skip(f"Deno cannot run Pyodide here: {answer.stderr[-300:] or answer.stdout[-300:]}")
    return command


@pytest.fixture
def command(request: pytest.FixtureRequest) -> list[str]:
    """The command of a sandbox: the stand-in, unless a test is marked `in_both`."""
    kind = getattr(request, "param", "stand-in")
    return stand_in() if kind == "stand-in" else request.getfixturevalue("deno")


in_both = pytest.mark.parametrize("command", ["stand-in", "deno"], indirect=True)
"""For tests that run with the real sandbox too."""


@pytest.fixture
def made(command: list[str]) -> Callable[..., dspy.PythonInterpreter]:
    """Makes interpreters."""

    def make(**kwargs: Any) -> dspy.PythonInterpreter:
        return dspy.PythonInterpreter(deno_command=command, **kwargs)

    return make


def is_running(pid: int) -> bool:
    """Whether there is a process of this number, be it one that nobody has waited for."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
