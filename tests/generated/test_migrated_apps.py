"""Small applications, as written for upstream and run on it, say the same after `migrate` on the async package.

Both run in processes of their own, with this interpreter and its packages, against the same model server. What they
print is compared, and what they ask the model: as it was asked, where nothing runs at once.

The applications are in `tests/migrate/apps/`; `answers.json` says what the model answers.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import Any

import pytest

from tests.generated.sides import plain
from tests.support.model_server import ModelServer, Request

pytestmark = pytest.mark.timeout(600)
"""The first conversion reads the release, which takes its time on a busy machine."""

REPOSITORY = Path(__file__).resolve().parents[2]
APPS = REPOSITORY / "tests" / "migrate" / "apps"
NOTEBOOK = Path(__file__).with_name("notebook_run.py")


@dataclass(frozen=True)
class App:
    """How an application is started, and whether it asks the model several things at once."""

    name: str
    command: Sequence[str]
    at_once: bool = False


SCRIPTS = [
    App("service", ["drive.py"]),
    App("rag", ["main.py", "--hops", "2", "Where is tea from?", "Where is cheese from?"], at_once=True),
    App("agent", ["main.py", "two", "cakes"]),
    App("optimize", ["optimize.py"], at_once=True),
    App("notebook", [str(NOTEBOOK), "explore.ipynb"]),
]


@dataclass(frozen=True)
class Run:
    """What an application printed, and the messages and options it sent."""

    output: list[str]
    requests: list[dict[str, Any]]


def answer(rules: list[dict[str, Any]], request: Request) -> str:
    """The fields that the first rule says whose text is in the last message, in the chat adapter's format."""
    for rule in rules:
        if rule["contains"] in request.last:
            parts = [f"[[ ## {name} ## ]]\n{value}" for name, value in rule["say"].items()]
            return "\n\n".join([*parts, "[[ ## completed ## ]]"])
    raise AssertionError(f"no answer to: {request.last}")


def run(folder: Path, command: Sequence[str], *, upstream: Path | None, server: ModelServer) -> Run:
    """Runs a Python program in its folder, with upstream's package or (None) with the installed one."""
    paths = [str(upstream)] if upstream is not None else []
    server.requests.clear()
    done = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", *command],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "MODEL_URL": server.url, "OPENAI_API_KEY": "none"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-5000:]}"
    left = re.findall(r"coroutine '([^']+)' was never awaited", done.stderr)
    # LiteLLM's own, which it puts off to a task of its own that ends with the event loop: see pytest.ini.
    assert [name for name in left if name != "Logging.async_success_handler"] == [], done.stderr[-5000:]
    # How many texts are embedded at once is a matter of time.
    asked = [plain(each.body) for each in server.requests if each.kind == "chat"]
    return Run(done.stdout.splitlines(), asked)


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The applications as they were written."""
    folder = tmp_path_factory.mktemp("before") / "apps"
    copytree(APPS, folder, ignore=ignore_patterns("__pycache__"))
    return folder


@pytest.fixture(scope="module")
def after(before: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The applications, each converted by the command that users run."""
    folder = tmp_path_factory.mktemp("after") / "apps"
    copytree(before, folder)
    for app in sorted(folder.iterdir()):
        done = subprocess.run(
            # The copies may lie below a checkout (nox keeps its temporary files there), where git does not know them.
            [sys.executable, "-m", "codemods", "migrate", "--force", str(app)],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            capture_output=True,
            text=True,
            check=False,
        )
        # Status 1 would say that a person has to look at something.
        assert done.returncode == 0, f"{app.name}: {done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return folder


@pytest.mark.parametrize("app", SCRIPTS, ids=lambda app: app.name)
def test_the_same_output(app: App, before: Path, after: Path, upstream_folder: Path, server: ModelServer) -> None:
    rules = json.loads((APPS / app.name / "answers.json").read_text("utf-8"))
    server.on(lambda request: answer(rules, request), kind="chat")
    expected = run(before / app.name, app.command, upstream=upstream_folder, server=server)
    found = run(after / app.name, app.command, upstream=None, server=server)
    assert expected.output
    assert found.output == expected.output
    if app.at_once:
        assert sorted(map(json.dumps, found.requests)) == sorted(map(json.dumps, expected.requests))
    else:
        assert found.requests == expected.requests


def test_the_same_tests_pass(before: Path, after: Path, upstream_folder: Path, server: ModelServer) -> None:
    """A program's own test suite, converted with it: the same tests, and none of them lost."""
    command = ["-m", "pytest", "-v", "--no-header", "-p", "no:cacheprovider", "."]
    expected = run(before / "suite", command, upstream=upstream_folder, server=server)
    found = run(after / "suite", command, upstream=None, server=server)
    assert outcomes(found.output) == outcomes(expected.output)
    assert len(outcomes(found.output)) == 8
    assert set(outcomes(found.output).values()) == {"PASSED"}


def outcomes(output: list[str]) -> dict[str, str]:
    """What became of each test."""
    found = (re.match(r"(\S+::.+?) (PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS)\b", line) for line in output)
    return {match[1]: match[2] for match in found if match}


def test_a_notebook_keeps_what_is_not_code(before: Path, after: Path) -> None:
    old, new = (json.loads((side / "notebook" / "explore.ipynb").read_text("utf-8")) for side in (before, after))
    for cell in [*old["cells"], *new["cells"]]:
        if cell["cell_type"] == "code":
            cell.pop("source")
    assert new == old
