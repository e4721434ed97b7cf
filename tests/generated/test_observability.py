"""Observability that is written for upstream: the same traces of the same program."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


async def observed(first: Path | None, folder: Path) -> Any:
    """What MLflow saw of a program on the package at hand, or on the one in a folder that comes first on the path."""
    path = [str(each) for each in (first, REPOSITORY) if each is not None]
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "tests.generated.observed", str(folder / "runs")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path), "MLFLOW_ALLOW_FILE_STORE": "true"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.mark.api("3.9")
@pytest.mark.skipif(importlib.util.find_spec("mlflow") is None, reason="requirements-observability.txt is not installed")
@pytest.mark.timeout(600)
async def test_mlflow_sees_what_it_sees_of_upstream(upstream_folder: Path, tmp_path: Path):
    (tmp_path / "here").mkdir()
    (tmp_path / "upstream").mkdir()
    ours = await observed(None, tmp_path / "here")
    theirs = await observed(upstream_folder, tmp_path / "upstream")
    assert ours.pop("file") != theirs.pop("file")
    assert ours["results"] == theirs["results"] == ["a", 100.0]
    assert len(ours["traces"]) == 3
    for mine, other in zip(ours["traces"], theirs["traces"], strict=True):
        assert mine == other
