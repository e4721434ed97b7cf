"""What a bump found out, and what it leaves to a person."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.text import Text

from codemods.emit import templates
from codemods.errors import ToolError
from codemods.parity.model import Row
from codemods.report import StaleRow, markdown_cell, markdown_fence
from codemods.survey import Step
from codemods.trial import Trial

_SHOWN_TASKS = 40


class Task(Row):
    """Something that a person must do before the release is through."""

    what: str
    how: str = ""
    """The command that shows more, or settles it."""


class Compared(Row):
    """What upstream's tests say."""

    totals: dict[str, int]
    problems: tuple[str, ...]
    """What differs and no ledger lists, and what the ledger says that is not so."""
    regressions: tuple[str, ...] = ()
    """Ids of tests that passed on the async package with the release before."""
    arrived: tuple[str, ...] = ()
    """Ids of tests that upstream has added."""
    gone: tuple[str, ...] = ()
    mended: tuple[str, ...] = ()
    seconds: float
    """Of the whole comparison."""


class LedgerChange(Row):
    """An entry of a ledger that is for one of the two releases only."""

    ledger: str
    entry: str
    begins: bool
    """Whether it is for the later one."""


class BumpReport(Row):
    """Everything there is to say of one bump."""

    before: str
    """The release that was pinned."""
    version: str
    commit: str | None
    sdist_sha256: str
    released: str
    """Day its archive was built, as ISO has it."""
    tasks: tuple[Task, ...]
    step: Step | None
    """None where there was nothing to compare: the release was pinned already."""
    chains: dict[str, tuple[str, ...]] = Field(default_factory=dict[str, tuple[str, ...]])
    """Why functions have the colour that they did not have before, call by call."""
    stale: tuple[StaleRow, ...] = ()
    contract: Trial | None = None
    """None where it was not run."""
    parity: Compared | None = None
    """None where it was not run."""
    ledgers: tuple[LedgerChange, ...] = ()
    seconds: dict[str, float]
    """Wall clock by stage."""
    kept: tuple[str, ...] = ()
    """Stages whose outcome an earlier run had left."""
    moved: bool = False
    """Whether the tree now has the release."""
    notes: tuple[str, ...] = ()

    @property
    def total_seconds(self) -> float:
        """Wall clock of all stages."""
        return sum(self.seconds.values())


class BumpError(ToolError):
    """Something is left to a person."""

    def __init__(self, report: BumpReport, path: Path) -> None:
        lines = [f"  {number}. {task.what}" for number, task in enumerate(report.tasks, 1)]
        shown = [
            *lines[:_SHOWN_TASKS],
            *([f"  ... and {len(lines) - _SHOWN_TASKS} more"] if lines[_SHOWN_TASKS:] else []),
        ]
        state = "It is pinned all the same." if report.moved else "The tree is as it was."
        super().__init__(
            f"DSPy {report.version} leaves {len(report.tasks)} things to do. {state}\n" + "\n".join(shown),
            remedy=f"Do what {path} says first, and run the same command again: it goes on from there.",
        )
        self.report = report


def to_markdown(report: BumpReport) -> str:
    """The report as the text of a pull request: what a person must do, first."""
    return templates().get_template("bump.md.j2").render(report=report, cell=markdown_cell, fenced=markdown_fence)


def to_terminal(report: BumpReport) -> RenderableType:
    """The report in a few lines; lists are left to the file."""
    parts: list[RenderableType] = [f"{report.before} -> {report.version} (of {report.released})"]
    step = report.step
    if step is not None:
        parts.append(
            f"public names: {len(step.new_names)} new, {len(step.gone_names)} gone, {len(step.changed_names)} called "
            f"otherwise; {len(step.recoloured)} functions changed colour, {len(step.new_twins)} twins appeared"
        )
        parts.append(f"patches: {len(report.stale)} stale")
    if report.contract is not None:
        parts.append(f"contract: {report.contract.summary} equal")
    if report.parity is not None:
        totals = report.parity.totals
        parts.append(f"parity: {totals['async passes']} of {totals['upstream passes']} that pass upstream")
    seconds = ", ".join(f"{name} {value:.0f}" for name, value in report.seconds.items())
    parts.append(f"seconds: {seconds}; {report.total_seconds:.0f} in all")
    if report.kept:
        parts.append(f"kept from an earlier run: {', '.join(report.kept)}")
    parts += [Text.from_markup(f"[yellow]note:[/] {escape(note)}") for note in report.notes]
    return Group(*parts)
