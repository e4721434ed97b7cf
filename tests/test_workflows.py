"""The workflows of the hosted CI: what a linter does not know of this project."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from codemods.parity.results import read_results, results_file
from codemods.pin import load_pin
from codemods.project import find_project

PROJECT = find_project(Path(__file__).parent)
FOLDER = PROJECT.root / ".github/workflows"
NAMES = sorted(path.name for path in FOLDER.glob("*.yml"))


def load(name: str) -> dict[Any, Any]:
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


def steps(name: str) -> list[dict[str, Any]]:
    return [step for job in load(name)["jobs"].values() for step in job["steps"]]


def test_there_are_the_three() -> None:
    assert NAMES == ["ci.yml", "release.yml", "sync.yml"]


@pytest.mark.parametrize("name", NAMES)
def test_zizmor_finds_nothing(name: str) -> None:
    program = shutil.which("zizmor", path=str(Path(sys.executable).parent)) or shutil.which("zizmor")
    if program is None:
        pytest.skip("zizmor is not installed here: `nox -s lint` runs it")
    done = subprocess.run([program, "--offline", "--persona", "pedantic", str(FOLDER / name)], check=False)
    assert done.returncode == 0


@pytest.mark.parametrize("name", NAMES)
def test_actions_are_pinned_by_commit_and_say_their_version(name: str) -> None:
    lines = re.findall(r"uses: .*", (FOLDER / name).read_text(encoding="utf-8"))
    assert lines
    for line in lines:
        assert re.fullmatch(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_permitted_but_what_a_job_says(name: str) -> None:
    workflow = load(name)
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert "timeout-minutes" in job
        assert set(job["permissions"].values()) <= {"read", "write"}


@pytest.mark.parametrize("name", NAMES)
def test_no_check_out_leaves_credentials_behind(name: str) -> None:
    for step in steps(name):
        if str(step.get("uses", "")).startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_what_may_write_runs_nothing_of_ours() -> None:
    for name in NAMES:
        for job in load(name)["jobs"].values():
            if "write" in job["permissions"].values():
                run = "\n".join(str(step.get("run", "")) for step in job["steps"])
                assert not re.search(r"(?m)(^|[;&|(`]|\$\() *(nox|pip|python|dspy-async)\b", run)


@pytest.mark.parametrize("name", NAMES)
def test_every_session_is_there(name: str) -> None:
    tree = ast.parse((PROJECT.root / "noxfile.py").read_text(encoding="utf-8"))
    sessions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.decorator_list}
    runs = "\n".join(str(step.get("run", "")) for step in steps(name))
    called = {word for words in re.findall(r"nox -s ((?:\w+ ?)+)", runs) for word in words.split()}
    assert called <= sessions
    if name == "ci.yml":
        assert {"lint", "typecheck", "tests", "build", "contract", "parity"} <= called


def test_each_of_upstreams_tests_is_in_one_shard() -> None:
    matrix = load("ci.yml")["jobs"]["parity"]["strategy"]["matrix"]
    assert matrix["shard"] == [one["shard"] for one in matrix["include"]]
    shards = [one["tests"].split() for one in matrix["include"]]
    recorded = read_results(results_file(PROJECT.root / "tests/parity", load_pin(PROJECT.pin).version))
    assert recorded is not None
    for test in recorded.tests:
        inside = [folders for folders in shards if test.startswith(tuple(f"{folder}/" for folder in folders))]
        assert len(inside) == 1, f"{test} is in {len(inside)} shards of ci.yml"
