"""The command around the contract suite: which coroutines are counted, and what the list of the others says."""

from __future__ import annotations

import io
import sys
import textwrap
from pathlib import Path

import pytest
from rich.console import Console

from codemods.contract.line import SETTINGS_FILE, SUITE, read_contract
from codemods.contract.reach import Unreached, load_unreached, measure
from codemods.contract.report import ContractReport, to_markdown, to_terminal, write_report
from codemods.errors import ToolError
from codemods.parity.model import Status
from codemods.parity.prepare import NoTestsError
from codemods.parity.run import run_suite
from codemods.pin import load_pin
from codemods.project import Project, find_project
from codemods.sync import SyncOptions
from tests.parity.reports import make
from tests.parity.support import write_suite

PACKAGE = """\
    import asyncio

    async def ask(): ...

    async def _inner(): ...

    def plain():
        async def nested(): ...

    class Program:
        async def __call__(self): ...
        async def _step(self): ...
        def dump(self): ...

        class Part:
            async def run(self): ...

    if asyncio:
        async def sometimes(): ...
    """
PUBLIC = ["Program.Part.run", "Program.__call__", "ask", "sometimes"]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    (tmp_path / "dspy" / "_own").mkdir(parents=True)
    (tmp_path / "dspy" / "mod.py").write_text(textwrap.dedent(PACKAGE))
    (tmp_path / "dspy" / "_own" / "mod.py").write_text("async def hidden(): ...\n")
    return tmp_path


def listed(*names: str) -> list[Unreached]:
    return [Unreached(name=name, reason="there is a good reason for it") for name in names]


class TestReach:
    def test_public_coroutines_are_those_a_user_may_call(self, package: Path) -> None:
        reach = measure(package, [], [])
        assert [one.name for one in reach.public] == [f"dspy/mod.py::{name}" for name in PUBLIC]
        inner = {one.name for one in reach.coroutines} - {one.name for one in reach.public}
        assert inner == {"dspy/_own/mod.py::hidden", "dspy/mod.py::Program._step", "dspy/mod.py::_inner"}

    def test_packages_of_others_are_not_ours_to_try(self, package: Path) -> None:
        folder = package / "dspy" / "_vendor" / "other"
        folder.mkdir(parents=True)
        before = measure(package, [], [])
        (folder / "client.py").write_text("async def ask(): ...\n")
        assert measure(package, [], []) == before

    def test_what_is_neither_reached_nor_listed_is_missing(self, package: Path) -> None:
        known = listed("dspy/mod.py::sometimes", "dspy/mod.py::_inner", "dspy/_own/mod.py::hidden")
        reach = measure(package, ["dspy/mod.py::ask", "dspy/mod.py::Program._step"], known)
        assert reach.missing == ("dspy/mod.py::Program.Part.run", "dspy/mod.py::Program.__call__")
        assert reach.count(public=True) == (1, 4)
        assert reach.count(public=False) == (2, 7)
        assert reach.stale == ()

    def test_the_list_is_strict_both_ways(self, package: Path) -> None:
        reach = measure(package, ["dspy/mod.py::ask"], listed("dspy/mod.py::ask", "dspy/mod.py::gone"))
        assert [fault.split(" is listed")[0] for fault in reach.stale] == ["dspy/mod.py::ask", "dspy/mod.py::gone"]

    def test_the_table_names_each_and_why_not(self, package: Path) -> None:
        table = to_markdown(measure(package, ["dspy/mod.py::ask"], listed("dspy/mod.py::sometimes")))
        assert "1 of 4 are awaited" in table
        assert "| `dspy/mod.py::ask` | yes |" in table
        assert "| `dspy/mod.py::sometimes` | no: there is a good reason for it |" in table
        assert "| `dspy/mod.py::Program.__call__` | **no** |" in table

    def test_an_entry_is_for_releases(self, tmp_path: Path) -> None:
        path = tmp_path / "unreached.toml"
        path.write_text('[[coroutine]]\nname = "a.py::f"\nreason = "it is not there before that"\nreleases = ">=3.3"\n')
        assert [one.name for one in load_unreached(path, "3.3.1")] == ["a.py::f"]
        assert load_unreached(path, "3.2.0") == ()
        assert load_unreached(tmp_path / "none.toml", "3.3.1") == ()

    @pytest.mark.parametrize(
        "text",
        [
            '[[coroutine]]\nname = "a.py::f"\n',
            '[[coroutine]]\nname = "a.py::f"\nreason = "short"\n',
            '[[coroutine]]\nname = "a.py::f"\nreason = "a reason that is long enough"\nreleases = "soon"\n',
            '[[coroutine]]\nname = "a.py::f"\nreason = "a reason that is long enough"\n' * 2,
            "[[coroutine",
        ],
    )
    def test_a_list_that_is_none_is_refused(self, tmp_path: Path, text: str) -> None:
        path = tmp_path / "unreached.toml"
        path.write_text(text)
        with pytest.raises(ToolError, match=r"unreached\.toml"):
            load_unreached(path, "3.3.1")


class TestSuite:
    def test_the_suite_is_read_with_what_it_shares(self, tmp_path: Path) -> None:
        project = find_project(Path(__file__).parent)
        files = read_contract(load_pin(project.pin), SyncOptions(project, tmp_path), "3.3.1", None)
        assert {"tests/contract/conftest.py", SETTINGS_FILE, *SUITE.beside} <= files.keys()
        assert not any("__pycache__" in name for name in files)

    def test_without_the_suite_it_says_so(self, tmp_path: Path) -> None:
        pin = load_pin(find_project(Path(__file__).parent).pin)
        with pytest.raises(NoTestsError, match="contract suite"):
            read_contract(pin, SyncOptions(Project(tmp_path), tmp_path), "3.3.1", None)


class TestReport:
    def test_totals_count_each_verdict(self) -> None:
        totals = ContractReport(sides=make(), reach=None, longest_ledger=5).totals
        assert totals.tests == len(make().tests)
        assert (totals.equal, totals.failing, totals.skipped, totals.lost, totals.listed) == (2, 1, 1, 1, 1)
        assert totals.equal + totals.different + totals.lost + totals.failing + totals.skipped == totals.tests

    def test_what_parity_lets_pass_is_a_problem_here(self) -> None:
        problems = ContractReport(sides=make(), reach=None, longest_ledger=5).problems
        assert "tests/test_b.py::test_mended passes on the async package alone" in problems
        assert "tests/test_b.py::test_net fails on both packages" in problems
        assert set(make().problems) < set(problems)

    def test_the_ledger_has_a_limit(self) -> None:
        problems = ContractReport(sides=make(), reach=None, longest_ledger=0).problems
        assert "the ledger lists 1 differences, and 0 are the most" in problems

    def test_coroutines_that_nobody_awaits_are_problems(self, package: Path) -> None:
        reach = measure(package, ["dspy/mod.py::ask"], listed("dspy/mod.py::ask"))
        problems = ContractReport(sides=make(), reach=reach, longest_ledger=5).problems
        assert "never awaited and not listed: dspy/mod.py::sometimes" in problems
        assert "dspy/mod.py::ask is listed as never awaited, and is" in problems

    def test_the_terminal_has_a_row_for_each_file_and_one_for_all(self, package: Path) -> None:
        console = Console(width=200, record=True, file=io.StringIO())
        reach = measure(package, ["dspy/mod.py::ask"], [])
        console.print(to_terminal(ContractReport(sides=make(), reach=reach, longest_ledger=5)))
        shown = console.export_text()
        assert "public coroutines awaited: 1 of 4; of all 1 of 7" in shown
        assert all(path in shown for path in ("tests/test_a.py", "tests/test_b.py", "all"))
        assert "not awaited: dspy/mod.py::sometimes  (not listed)" in shown

    def test_the_files(self, tmp_path: Path, package: Path) -> None:
        report = ContractReport(sides=make(), reach=measure(package, [], []), longest_ledger=5)
        write_report(report, tmp_path / "out")
        assert ContractReport.model_validate_json((tmp_path / "out" / "contract.json").read_bytes()) == report
        assert "0 of 4 are awaited" in (tmp_path / "out" / "coverage.md").read_text()
        assert (tmp_path / "out" / "parity.html").is_file()


def test_coroutines_are_recorded_when_they_are_first_awaited(tmp_path: Path) -> None:
    """On 3.12 and later; before, the run says that it cannot tell."""
    package = """\
        async def awaited():
            return 1

        async def left():
            return 2

        def plain():
            return 3
        """
    tests = """\
        import asyncio
        import dspy

        def test_one():
            asyncio.run(dspy.awaited())
            dspy.left().close()
            assert dspy.plain() == 3
        """
    suite = write_suite(tmp_path, {"test_one.py": tests}, package=textwrap.dedent(package), follow=True)
    run = run_suite(suite)
    assert [one.status for one in run.outcomes.values()] == [Status.PASSED]
    assert run.reached == (("dspy/__init__.py::awaited",) if sys.version_info >= (3, 12) else ())


def test_the_list_names_coroutines_only_once_and_says_why() -> None:
    folder = find_project(Path(__file__).parent).root / "tests" / "contract"
    entries = load_unreached(folder / "unreached.toml", "3.3.1")
    assert all("::" in one.name and one.name.startswith("dspy/") for one in entries)
