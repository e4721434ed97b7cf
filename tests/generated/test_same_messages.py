"""The same program and the same scripted model: the same messages in the same order, and the same results, as upstream.

Upstream is installed without its dependencies into a folder of its own and run by this interpreter, so that nothing
but DSPy itself differs between the two.
"""

import contextlib
import importlib.metadata
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import dspy
import pytest

from tests.generated.programs import PROGRAMS
from tests.generated.sides import AsyncSide, plain

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def upstream(upstream_folder: Path) -> dict[str, dict[str, object]]:
    """For each program its result and the requests to the model, from upstream's release of the same version."""
    # The folder comes before the environment's own packages on the path, so its `dspy` hides the async one.
    path = os.pathsep.join([str(upstream_folder), str(REPOSITORY)])
    done = subprocess.run(
        [sys.executable, "-m", "tests.generated.upstream_run"],
        env={**os.environ, "PYTHONPATH": path},
        cwd=upstream_folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found.pop("version") == importlib.metadata.version("dspy-async")
    assert Path(found.pop("file")).parent.parent == upstream_folder
    return found


@pytest.mark.api("2.18", "6.2", "6.3")
@pytest.mark.usefixtures("nobody_reads_the_process_settings")
@pytest.mark.parametrize("name", PROGRAMS)
async def test_same_messages_and_results(name: str, upstream: dict[str, dict[str, object]]):
    side = AsyncSide(dspy)
    with contextlib.redirect_stdout(io.StringIO()):
        result = plain(await PROGRAMS[name](side))
    ours = json.loads(json.dumps({"log": side.log, "result": result}))
    for number, (request, expected) in enumerate(zip(ours["log"], upstream[name]["log"], strict=False)):
        assert request == expected, f"request {number} differs"
    assert len(ours["log"]) == len(upstream[name]["log"])
    assert ours["result"] == upstream[name]["result"]
