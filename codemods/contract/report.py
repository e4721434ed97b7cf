"""What the contract suite found, from one model: in the terminal and as files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from codemods.contract.reach import Coroutine, Reach
from codemods.parity.model import Compared, Row, Verdict
from codemods.parity.report import ModuleRow, ParityReport, modules
from codemods.parity.report import write_report as write_sides

CONTRACT_FILE = "contract.json"
COVERAGE_FILE = "coverage.md"
"""The table of coroutines, beside parity's own files."""
_COLUMNS = ("tests", "equal", "different", "lost", "fail on both", "skipped")
_SHOWN = 25
_DIFFERENT = (Verdict.UPSTREAM_ONLY, Verdict.ASYNC_ONLY, Verdict.ADDED)


class Totals(Row):
    """The suite in figures."""

    tests: int
    equal: int
    """They pass on both packages."""
    different: int
    """They pass on one package only, or are there on one only."""
    lost: int
    """Not collected, skipped on the async side only, or with fewer assertions."""
    failing: int
    """They fail on both packages: the suite itself is wrong."""
    skipped: int
    """On both, with a reason."""
    listed: int
    """Of those that differ or are lost, in the ledger."""


class ContractReport(Row):
    """Everything there is to say of one run."""

    sides: ParityReport
    """Both sides held against each other, test by test."""
    reach: Reach | None
    """None where only some tests were run, or on a Python before 3.12."""
    longest_ledger: int
    """How many differences may be listed."""

    @property
    def version(self) -> str:
        """The release."""
        return self.sides.results.version

    @property
    def totals(self) -> Totals:
        """The suite in figures."""
        listed = len(self.sides.judgement.listed)
        return _totals([one.verdict for one in self.sides.tests], listed)

    @property
    def problems(self) -> tuple[str, ...]:
        """Everything for which the run is no success, a line each."""
        lines = [*self.sides.problems]
        lines += [f"{one.id} passes on the async package alone" for one in self._with(Verdict.ASYNC_ONLY)]
        lines += [f"{one.id} fails on both packages" for one in self._with(Verdict.FAILS_BOTH)]
        if (count := len(self.sides.judgement.listed)) > self.longest_ledger:
            lines.append(f"the ledger lists {count} differences, and {self.longest_ledger} are the most")
        if self.reach is not None:
            lines += [f"never awaited and not listed: {name}" for name in self.reach.missing]
            lines += self.reach.stale
        return tuple(lines)

    def _with(self, verdict: Verdict) -> list[Compared]:
        return [one for one in self.sides.tests if one.verdict is verdict]


def _totals(verdicts: Iterable[Verdict], listed: int) -> Totals:
    found = list(verdicts)
    return Totals(
        tests=len(found),
        equal=found.count(Verdict.PASSES_BOTH),
        different=sum(found.count(one) for one in _DIFFERENT),
        lost=found.count(Verdict.LOST),
        failing=found.count(Verdict.FAILS_BOTH),
        skipped=found.count(Verdict.SKIPPED),
        listed=listed,
    )


def write_report(report: ContractReport, folder: Path) -> None:
    """Write the comparison as parity writes it, and beside it the model as JSON and the table of coroutines."""
    write_sides(report.sides, folder)
    (folder / CONTRACT_FILE).write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")
    if report.reach is not None:
        (folder / COVERAGE_FILE).write_text(to_markdown(report.reach), encoding="utf-8")


def to_markdown(reach: Reach) -> str:
    """The table of coroutines: name, executed or not, and why not."""
    reached, total = reach.count(public=True)
    lines = [f"# Public coroutines: {reached} of {total} are awaited", "", "| coroutine | awaited |", "| --- | --- |"]
    lines += [f"| `{one.name}` | {_told(one)} |" for one in reach.public]
    inner = [one for one in reach.coroutines if not one.public]
    lines += ["", f"# Others: {sum(one.reached for one in inner)} of {len(inner)}", "", *lines[2:4]]
    lines += [f"| `{one.name}` | {_told(one)} |" for one in inner]
    return "\n".join(lines) + "\n"


def _told(one: Coroutine) -> str:
    if one.reached:
        return "yes"
    return f"no: {one.reason}" if one.reason else "**no**"


def to_terminal(report: ContractReport) -> RenderableType:
    """The report as rich shows it."""
    table = Table(box=None, pad_edge=False)
    table.add_column(f"contract on DSPy {report.version}")
    for name in _COLUMNS:
        table.add_column(name, justify="right")
    for module in modules(report.sides.tests):
        _add_row(table, module.path.removeprefix("tests/contract/"), _module_totals(module))
    table.add_section()
    _add_row(table, "all", report.totals, "bold")
    parts: list[RenderableType] = [table, *_reach_lines(report.reach)]
    seconds = ", ".join(f"{side} {value:.0f}" for side, value in report.sides.results.seconds.items())
    parts.append(Text(f"seconds: {seconds}"))
    parts += [Text(f"note: {note}", style="yellow") for note in report.sides.notes]
    for cause in report.sides.causes[:_SHOWN]:
        parts.append(Text.assemble((f"{len(cause.ids):4} ", "red"), cause.place, "  ", (cause.error, "dim")))
    return Group(*parts)


def _module_totals(module: ModuleRow) -> Totals:
    return _totals([verdict for verdict, count in module.counts.items() for _ in range(count)], 0)


def _add_row(table: Table, name: str, totals: Totals, style: str = "") -> None:
    counts = (totals.tests, totals.equal, totals.different, totals.lost, totals.failing, totals.skipped)
    table.add_row(name, *(str(count) if count else "" for count in counts), style=style)


def _reach_lines(reach: Reach | None) -> list[Text]:
    if reach is None:
        return [Text("coroutines: not counted (only some tests were run, or the Python is older than 3.12)")]
    public, total = reach.count(public=True)
    every, whole = reach.count(public=False)
    lines = [Text(f"public coroutines awaited: {public} of {total}; of all {every} of {whole}", style="bold")]
    for one in reach.coroutines:
        if not one.reached:
            lines.append(Text(f"  not awaited: {one.name}  ({one.reason or 'not listed'})"))
    return lines
