"""Programs that run code send the model the same messages, and give the same results, as upstream's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import dspy
import pytest

from tests.generated.interpreters.programs import PROGRAMS
from tests.generated.sides import AsyncSide, plain

REPOSITORY = Path(__file__).resolve().parents[3]
RUN = """
from tests.generated import upstream_run
from tests.generated.interpreters import programs
upstream_run.PROGRAMS = programs.PROGRAMS
upstream_run.main()
"""


@pytest.fixture(scope="session")
def upstream(upstream_folder: Path) -> dict[str, dict[str, object]]:
    """For each program its result and the requests to the model, from upstream's release of the same version."""
    path = os.pathsep.join([str(upstream_folder), str(REPOSITORY)])
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        env={**os.environ, "PYTHONPATH": path},
        cwd=upstream_folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", PROGRAMS)
async def test_same_messages_and_results(name: str, upstream: dict[str, dict[str, object]]):
    side = AsyncSide(dspy)
    result = plain(await PROGRAMS[name](side))
    ours = json.loads(json.dumps({"log": side.log, "result": result}))
    for number, (request, expected) in enumerate(zip(ours["log"], upstream[name]["log"], strict=False)):
        assert request == expected, f"request {number} differs"
    assert ours == upstream[name]
