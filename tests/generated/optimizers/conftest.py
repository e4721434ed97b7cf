"""What optimizers do on upstream's package, found out once."""

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def upstream(upstream_folder: Path) -> dict[str, dict[str, object]]:
    """For each program its result and the requests to the model, from upstream's release of the same version."""
    path = os.pathsep.join([str(upstream_folder), str(REPOSITORY)])
    done = subprocess.run(
        [sys.executable, "-m", "tests.generated.optimizers.upstream_run"],
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
