from __future__ import annotations

from pathlib import Path

import pytest

from codemods.errors import ToolError
from codemods.ledger import Ledger, load_ledger
from codemods.report import Place

TEXT = """
[[open]]
path = "dspy/a.py"
rule = "wall-*"
matches = 2
reason = "the constructor calls a model"

[[open]]
path = "dspy/b.py"
message = "*optuna*"
matches = 1
reason = "needs a loop of its own"
releases = ">=3,<4"
"""


def place(path: str, rule: str = "wall-settings", message: str = "m", line: int = 1) -> Place:
    return Place(rule=rule, path=path, line=line, message=message)


def ledger(tmp_path: Path, version: str = "3.3.1", text: str = TEXT) -> Ledger:
    file = tmp_path / "open.toml"
    file.write_text(text)
    return load_ledger(file, version)


def test_known_places_are_told_from_new_ones(tmp_path: Path) -> None:
    places = [
        place("dspy/a.py", line=4),
        place("dspy/a.py", "wall-coroutine"),
        place("dspy/a.py", "await"),
        place("dspy/b.py", message="study of optuna"),
        place("dspy/b.py", message="other"),
    ]
    found = ledger(tmp_path)
    new, known = found.split(places)
    assert new == (places[2], places[4])
    assert [one.place for one in known] == [places[0], places[1], places[3]]
    assert known[0].reason == "the constructor calls a model"
    assert found.stale(places) == ()


@pytest.mark.parametrize("count", [0, 1, 3])
def test_an_entry_that_says_another_number_is_stale(tmp_path: Path, count: int) -> None:
    places = [place("dspy/a.py", line=n) for n in range(count)] + [place("dspy/b.py", message="optuna")]
    stale = ledger(tmp_path).stale(places)
    assert [(one.rule, one.path) for one in stale] == [("ledger", "open.toml")]
    assert f"dspy/a.py (wall-*: *) stands for 2, found {count}" in stale[0].message


def test_entries_for_other_releases_do_not_count(tmp_path: Path) -> None:
    found = ledger(tmp_path, "2.6.0")
    assert len(found.entries) == 1
    assert found.split([place("dspy/b.py", message="optuna")])[1] == ()


def test_no_file_is_an_empty_ledger(tmp_path: Path) -> None:
    found = load_ledger(tmp_path / "open.toml", "3.3.1")
    assert found.split([place("dspy/a.py")]) == ((place("dspy/a.py"),), ())
    assert found.stale([]) == ()


@pytest.mark.parametrize(
    "text",
    [
        "[[open]",
        TEXT.replace("matches = 2", "matches = 0"),
        TEXT.replace("the constructor calls a model", "because"),
        TEXT.replace(">=3,<4", "three"),
        TEXT + "line = 3\n",
    ],
)
def test_a_bad_ledger_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(ToolError, match=r"open\.toml is not valid"):
        ledger(tmp_path, text=text)
