"""The environment of the tests: what goes into it, and that it is made once."""

from __future__ import annotations

import datetime
import subprocess
import sys
from pathlib import Path

import pytest

from codemods.errors import ToolError
from codemods.parity.environment import PLUGINS, Environment, find_python, requirements
from codemods.parity.environment import test_environment as environment
from tests.releases import PYPROJECT

DAY = datetime.date(2026, 8, 23)


class Installer:
    """Stands for uv and for interpreters: keeps the commands, and makes what they would."""

    def __init__(self, fails: str = "") -> None:
        self.commands: list[list[str]] = []
        self.fails = fails

    def __call__(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        self.commands.append(command)
        if self.fails and self.fails in command:
            return subprocess.CompletedProcess(command, 1, "", "no such thing")
        if "venv" in command:
            Path(command[-1]).mkdir(parents=True)
        return subprocess.CompletedProcess(command, 0, "b==2\na==1\n" if "freeze" in command else "", "")

    def find(self, word: str) -> list[str]:
        (found,) = (command for command in self.commands if word in command)
        return found


def test_everything_that_the_release_and_its_tests_ask_for() -> None:
    text = PYPROJECT.format(version="1").replace('dev = ["pytest"]', 'dev = ["pytest", "dspy[numpy]"]\ndeno = ["deno"]')
    assert requirements(text) == sorted({"anyio", "numpy>=1.26.0", "pytest", "mcp", *PLUGINS})
    assert "deno" in requirements(text, deno=True)


def test_made_once_as_of_the_day(tmp_path: Path) -> None:
    run = Installer()
    made = environment(["b", "a"], DAY, "python-of-mine", tmp_path, run=run)
    install = run.find("install")
    assert install[install.index("--exclude-newer") + 1] == "2026-08-23T23:59:59Z"
    assert (Path(install[install.index("--requirement") + 1])).read_text() == "b\na\n"
    assert "python-of-mine" in run.find("venv")
    assert made.distributions == ("b==2", "a==1")
    again = Installer()
    assert environment(["a", "b"], DAY, "python-of-mine", tmp_path, run=again) == made
    assert again.commands == []
    other = environment(["a", "b"], DAY + datetime.timedelta(1), "python-of-mine", tmp_path, run=again)
    assert other.python != made.python


@pytest.mark.parametrize("fails", ["venv", "install", "freeze"])
def test_what_fails_is_said_and_not_taken_for_done(tmp_path: Path, fails: str) -> None:
    with pytest.raises(ToolError, match="no such thing"):
        environment(["a"], DAY, "python-of-mine", tmp_path, run=Installer(fails))
    assert environment(["a"], DAY, "python-of-mine", tmp_path, run=Installer()).distributions == ("b==2", "a==1")


def test_versions_by_normal_name() -> None:
    made = Environment(Path("python"), ("Pytest_Asyncio==1.4", "a==1"))
    assert made.version("pytest-asyncio") == "1.4"
    assert made.version("b") is None


def test_an_interpreter_is_looked_for_and_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = ".".join(map(str, sys.version_info[:2]))
    run = Installer()

    def answers(command: list[str]) -> subprocess.CompletedProcess[str]:
        run(command)
        return subprocess.CompletedProcess(command, 0, "9.9\n" if "good" in command[0] else ours, "")

    assert find_python(ours, answers) == sys.executable
    for name in ("shim", "good"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "python9.9").write_text("")
    monkeypatch.setenv("PATH", f"{tmp_path / 'shim'}:{tmp_path / 'good'}")
    assert find_python("9.9", answers) == str(tmp_path / "good/python9.9")
    assert find_python("9.8", answers) == "9.8"
    assert find_python("/somewhere/python", answers) == "/somewhere/python"
