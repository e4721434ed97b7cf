"""The ledger: typed, without wildcards, and strict both ways."""

from __future__ import annotations

from pathlib import Path

import pytest

from codemods.errors import ToolError
from codemods.parity.ledger import Category, Listed, judge, load_ledger, own_test_exists
from codemods.parity.model import Compared, Verdict
from codemods.project import find_project

TEST = "tests/test_a.py::test_one"
OWN = "tests/own.py::TestGroup::test_own[0]"
ENTRY = """
[[test]]
id = "tests/test_a.py::test_one"
category = "removed by contract"
reason = "There is no thread that owns the settings."
covered_by = "tests/own.py::TestGroup::test_own[0]"
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/own.py").write_text(
        "class TestGroup:\n    async def test_own(self): pass\ndef test_top(): pass\n"
    )
    return tmp_path


def listed(test: str = TEST, covered_by: str = OWN) -> Listed:
    return Listed(id=test, category=Category.CONTRACT, reason="a reason that is long enough", covered_by=covered_by)


def compared(verdict: Verdict, test: str = TEST) -> Compared:
    return Compared(id=test, verdict=verdict)


def test_read(tmp_path: Path) -> None:
    path = tmp_path / "ledger.toml"
    path.write_text(ENTRY)
    (entry,) = load_ledger(path, "3.3.1")
    assert (entry.id, entry.category, entry.covered_by) == (TEST, Category.CONTRACT, OWN)
    assert load_ledger(tmp_path / "missing.toml", "3.3.1") == ()


def test_entries_are_for_the_releases_they_name(tmp_path: Path) -> None:
    path = tmp_path / "ledger.toml"
    path.write_text(ENTRY + 'releases = ">=3.3"\n')
    assert len(load_ledger(path, "3.3.0")) == 1
    assert load_ledger(path, "3.2.1") == ()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("removed by contract", "whatever", "category"),
        ("There is no thread that owns the settings.", "short", "reason"),
        ("test_a.py::test_one", "test_a.py", "path::name"),
        ("test_a.py::test_one", "test_*.py::test_one", "wildcards"),
        ("covered_by", "coverd_by", "coverd_by"),
        ('id = "tests/test_a.py::test_one"', "", "id"),
    ],
)
def test_what_is_not_valid_is_said(tmp_path: Path, old: str, new: str, told: str) -> None:
    path = tmp_path / "ledger.toml"
    path.write_text(ENTRY.replace(old, new))
    with pytest.raises(ToolError, match=told):
        load_ledger(path, "3.3.1")


def test_a_parameter_may_hold_any_sign(tmp_path: Path) -> None:
    path = tmp_path / "ledger.toml"
    path.write_text(ENTRY.replace("test_one", "test_one[a*b?]"))
    assert load_ledger(path, "3.3.1")[0].id == f"{TEST}[a*b?]"


def test_no_test_is_listed_twice(tmp_path: Path) -> None:
    path = tmp_path / "ledger.toml"
    path.write_text(ENTRY * 2)
    with pytest.raises(ToolError, match="more than once"):
        load_ledger(path, "3.3.1")


@pytest.mark.parametrize("verdict", [Verdict.UPSTREAM_ONLY, Verdict.LOST])
def test_a_difference_must_be_listed(root: Path, verdict: Verdict) -> None:
    found = judge([compared(verdict)], [], root)
    assert found.unlisted == (TEST,)
    assert not found.is_clean
    assert judge([compared(verdict)], [listed()], root).is_clean
    assert judge([compared(verdict)], [listed()], root).listed == (TEST,)
    # Only the very id counts.
    assert judge([compared(verdict)], [listed(f"{TEST}[1]")], root).unlisted == (TEST,)


@pytest.mark.parametrize("verdict", [Verdict.PASSES_BOTH, Verdict.ASYNC_ONLY])
def test_a_listed_test_that_passes_is_an_error(root: Path, verdict: Verdict) -> None:
    assert judge([compared(verdict)], [listed()], root).stale == (f"{TEST} is listed, and passes",)


@pytest.mark.parametrize("verdict", [Verdict.FAILS_BOTH, Verdict.SKIPPED])
def test_where_a_test_cannot_run_an_entry_says_nothing(root: Path, verdict: Verdict) -> None:
    found = judge([compared(verdict)], [listed()], root)
    assert found.is_clean
    assert found.listed == ()


def test_an_entry_without_a_test_is_an_error_but_in_a_run_of_some(root: Path) -> None:
    assert judge([], [listed()], root).stale == (f"{TEST} is listed, and upstream has no such test",)
    assert judge([], [listed()], root, selection=True).is_clean


def test_what_only_the_async_side_has_is_an_error(root: Path) -> None:
    found = judge([compared(Verdict.ADDED)], [], root)
    assert found.added == (TEST,)
    assert not found.is_clean


@pytest.mark.parametrize("own", ["tests/own.py::test_gone", "tests/gone.py::test_own", "tests/own.py::test_own"])
def test_the_covering_test_must_be_there(root: Path, own: str) -> None:
    (fault,) = judge([compared(Verdict.UPSTREAM_ONLY)], [listed(covered_by=own)], root).stale
    assert own in fault


def test_own_tests_are_found_in_classes_and_by_name_alone(root: Path) -> None:
    assert own_test_exists(root, OWN)
    assert own_test_exists(root, "tests/own.py::test_top[any-2]")
    assert not own_test_exists(root, "tests/own.py::TestGroup::test_top")


def test_the_projects_own_ledger_is_valid_and_names_tests_that_are_there() -> None:
    project = find_project(Path(__file__).parent)
    for entry in load_ledger(project.root / "tests/parity/ledger.toml", "3.3.1"):
        assert own_test_exists(project.root, entry.covered_by), entry.covered_by
