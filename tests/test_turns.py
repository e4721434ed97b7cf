from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from codemods import backtest, bump, contract, parity, turns
from codemods.cli import app
from codemods.errors import ToolError
from codemods.project import cache_directory
from codemods.turns import turn

_HOLD = """
import sys, time
from pathlib import Path
from codemods.turns import turn

with turn(Path(sys.argv[1]), print):
    print("in", flush=True)
    sys.stdin.read()
"""


def in_another_process(cache: Path) -> subprocess.Popen[str]:
    """A process that has its turn, until its standard input is closed or it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(cache)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "in\n"
    return process


def test_a_turn_that_is_free_is_taken_without_a_word(tmp_path: Path) -> None:
    said: list[str] = []
    for _ in range(2):
        with turn(tmp_path / "cache", said.append):
            pass
    assert said == []


@pytest.mark.parametrize("killed", [False, True])
def test_who_comes_second_is_told_and_waits_until_the_first_has_ended(tmp_path: Path, killed: bool) -> None:
    first = in_another_process(tmp_path)
    told, entered = threading.Event(), threading.Event()
    said: list[str] = []

    def announce(text: str) -> None:
        said.append(text)
        told.set()

    def second() -> None:
        with turn(tmp_path, announce):
            entered.set()

    waiting = threading.Thread(target=second)
    waiting.start()
    try:
        assert told.wait(10)
        time.sleep(0.2)
        assert not entered.is_set()
    finally:
        first.kill() if killed else first.communicate("")
        first.communicate()
    assert entered.wait(10)
    waiting.join()
    assert said == [f"waits for another command that runs tests with the cache {tmp_path}"]


def test_another_cache_is_no_matter(tmp_path: Path) -> None:
    first = in_another_process(tmp_path / "one")
    said: list[str] = []
    with turn(tmp_path / "two", said.append):
        assert said == []
    first.communicate("")


@pytest.mark.parametrize("module", [backtest, bump, contract, parity], ids=lambda module: module.__name__)
def test_each_command_that_runs_tests_has_its_turn(module: object, monkeypatch: pytest.MonkeyPatch) -> None:
    name = str(getattr(module, "__name__", "")).rpartition(".")[2]
    has_turn: list[Path] = []
    ran: list[list[Path]] = []

    @contextmanager
    def noted(cache: Path, announce: Callable[[str], None]) -> Generator[None]:
        has_turn.append(cache)
        yield
        has_turn.clear()

    def run(*_: object) -> None:
        ran.append(list(has_turn))
        raise ToolError("stops here", remedy="Nothing.")

    monkeypatch.setattr(turns, "turn", noted)
    monkeypatch.setattr(module, f"run_{name}", run)
    done = CliRunner().invoke(app, [name])
    assert (done.exit_code, ran) == (1, [[cache_directory()]])
