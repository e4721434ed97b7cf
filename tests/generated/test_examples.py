"""The programs of `examples/`, each run by the command its page shows, print what the page says they print."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.__main__ import PROGRAMS, provider
from tests.support.pages import blocks, says

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLES = REPOSITORY / "examples"
SHOWN = [block for block in blocks(EXAMPLES / "README.md", "sh", "text") if block.section != "Examples"]
COMMANDS = {block.section: block.text.strip() for block in SHOWN if block.language == "sh"}
PRINTED = {block.section: block.text for block in SHOWN if block.language == "text"}

BY_COMMAND = "agent"
"""Run as a user runs it. It starts a process too, which pytest's capturing is in the way of."""

pytestmark = pytest.mark.timeout(300)
"""The one that runs in a process of its own imports everything anew, which takes its time on a busy machine."""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs `python -m examples` with this interpreter."""
    command = [sys.executable, "-m", "examples", *arguments]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A program may be run as it is run by itself, and leaves no modules."""
    before = set(sys.modules)
    yield monkeypatch
    for name in set(sys.modules) - before:
        if str(EXAMPLES) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def test_every_example_is_on_the_page() -> None:
    folders = {path.parent.name for path in EXAMPLES.glob("*/model.py")}
    assert set(COMMANDS) == set(PRINTED) == folders
    assert all(command == f"python -m examples {name}" for name, command in COMMANDS.items())


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {BY_COMMAND}))
def test_it_prints_what_the_page_says(name: str, alone: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """In this process, where litellm is there already: to import it is most of what a run takes."""
    program, *arguments = PROGRAMS[name]
    with provider(name) as environment:
        for key, value in environment.items():
            alone.setenv(key, value)
        alone.chdir(EXAMPLES / name)
        alone.setattr(sys, "argv", [program, *arguments])
        alone.setattr(sys, "path", [str(EXAMPLES / name), *sys.path])
        runpy.run_path(program, run_name="__main__")
    printed = capsys.readouterr().out
    assert says(PRINTED[name], printed), printed[-3000:]


def test_the_command() -> None:
    done = run(BY_COMMAND)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    assert says(PRINTED[BY_COMMAND], done.stdout), done.stdout[-3000:]


def test_a_wrong_name_is_told_which_there_are() -> None:
    for arguments in ((), ("tenant",)):
        done = run(*arguments)
        assert done.returncode == 2
        assert all(name in done.stderr for name in COMMANDS)


def test_the_notebook_is_kept_without_outputs() -> None:
    notebook = json.loads((EXAMPLES / "notebook" / "explore.ipynb").read_text("utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["outputs"] for cell in code] == [[]] * len(code)
    assert any("await " in "".join(cell["source"]) for cell in code)
