"""Runs the programs of a module on upstream's package, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.generated.sides import AsyncSide, plain

REPOSITORY = Path(__file__).resolve().parents[2]
RUN = """
import importlib, sys
from tests.generated import upstream_run
upstream_run.PROGRAMS = importlib.import_module(sys.argv[1]).PROGRAMS
upstream_run.main()
"""


def run_upstream(folder: Path, module: str) -> dict[str, Any]:
    """For each program of a module its result and its requests to the model.

    Args:
        folder: where upstream is installed (the fixture `upstream_folder`).
        module: the module's name; its `PROGRAMS` are as in `tests.generated.programs`.
    """
    path = os.pathsep.join([str(folder), str(REPOSITORY)])
    done = subprocess.run(
        [sys.executable, "-c", RUN, module],
        env={**os.environ, "PYTHONPATH": path},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert Path(found["file"]).parent.parent == folder
    return found


async def same(program: Any, expected: dict[str, Any]) -> None:
    """Asserts that a program sends the same requests, and gives the same result, as it did on upstream's side."""
    import dspy

    side = AsyncSide(dspy)
    result = plain(await program(side))
    ours = json.loads(json.dumps({"log": side.log, "result": result}))
    for number, (request, other) in enumerate(zip(ours["log"], expected["log"], strict=False)):
        assert request == other, f"request {number} differs"
    assert ours == expected
