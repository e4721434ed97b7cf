"""Stage 9: what a sync did, from one model: in the terminal, as Markdown for a pull request, and as a page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict, ValidationError
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from codemods.emit import REPORT_DIRECTORY, Lock, templates

REPORT_FILES = ("report.json", "report.md", "report.html")


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Counts(_Row):
    """How much of a subpackage is what."""

    name: str
    files: int = 0
    functions: int = 0
    coroutines: int = 0
    settings: int = 0
    """Functions that take settings."""
    awaits: int = 0

    def plus(self, other: Counts) -> Counts:
        """The sum of both, under this one's name."""
        sums = {k: getattr(self, k) + getattr(other, k) for k in Counts.model_fields if k != "name"}
        return Counts(name=self.name, **sums)


class PatchRow(_Row):
    """A patch that was applied."""

    symbol: str
    kind: str
    reason: str
    matches: int
    lines: int


class Place(_Row):
    """Something at a line of a file. Line 0 is the file as a whole."""

    rule: str
    path: str
    line: int
    message: str


class KnownPlace(_Row):
    """A place that is known to be open, and why."""

    place: Place
    reason: str


class RuleRow(_Row):
    """A rule and how often it matched."""

    rule: str
    expected: str
    matches: int


class StaleRow(_Row):
    """A patch that a person must look at: see `codemods.patches.StalePatch`, whose fields these are."""

    symbol: str
    kind: str
    file: str
    line: int
    reason: str
    fault: str
    fits: bool
    detail: str

    @property
    def place(self) -> Place:
        """It as a problem of the run; what upstream changed is not part of it."""
        says = {"gone": "is gone from upstream", "changed": "was changed by upstream", "misfit": "is not as expected"}
        fits = "" if self.fits else ", and the patch does not fit"
        message = f"{self.symbol} {says[self.fault]}{fits}"
        return Place(rule="patch", path=f"patches/{self.file}", line=self.line, message=message)


class Verified(_Row):
    """What was checked of the output."""

    files: int
    coroutines: int
    imported: int
    defects: tuple[Place, ...] = ()
    optional: tuple[str, ...] = ()
    """Modules that need a distribution which is optional, `module (distribution)`."""
    skipped: tuple[str, ...] = ()
    """Checks that were not made, with the reason."""


class Changes(_Row):
    """What differs from the previous sync into the same directory. Paths and symbols are sorted."""

    version: str
    """The release of the previous sync."""
    tool: str
    """The toolchain's version then."""
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    patches_added: tuple[str, ...] = ()
    patches_removed: tuple[str, ...] = ()
    before: Counts | None = None
    """The previous totals; None where only the lock of the previous sync is known."""

    @property
    def is_empty(self) -> bool:
        """Whether the files are the same as before."""
        return not (self.added or self.removed or self.changed)


class Report(_Row):
    """Everything a maintainer wants to know of one sync."""

    version: str
    origin: str
    source_sha256: str
    tool: str
    packages: tuple[Counts, ...]
    """By subpackage, sorted."""
    total: Counts
    patches: tuple[PatchRow, ...]
    unresolved: tuple[Place, ...]
    """Calls whose target is not known."""
    findings: tuple[Place, ...]
    """Places that a person must look at."""
    rules: tuple[RuleRow, ...]
    verified: Verified | None
    """None where the run stopped before the output was checked."""
    seconds: dict[str, float]
    """Wall clock per stage, in the order they ran."""
    known: tuple[KnownPlace, ...] = ()
    """Places that the ledger lists. They are in none of the lists above."""
    stale: tuple[Place, ...] = ()
    """Entries of the ledger that no longer say what is found."""
    stale_patches: tuple[StaleRow, ...] = ()
    """Patches that a person must look at; only a run that keeps going tells them so."""
    mismatched: tuple[RuleRow, ...] = ()
    """Rules that did not match as they declare; likewise."""
    notes: tuple[str, ...] = ()
    changes: Changes | None = None
    """None for a first sync."""

    @property
    def problems(self) -> tuple[Place, ...]:
        """Everything for which the sync is no success."""
        defects = self.verified.defects if self.verified else ()
        patches = (row.place for row in self.stale_patches)
        rules = (
            Place(
                rule="rule",
                path="codemods/rules.toml",
                line=0,
                message=f"{row.rule}: expected {row.expected}, matched {row.matches}",
            )
            for row in self.mismatched
        )
        return (*patches, *rules, *self.unresolved, *self.findings, *defects, *self.stale)


def subpackages(files: Mapping[str, Counts]) -> tuple[tuple[Counts, ...], Counts]:
    """Counts by path summed up by subpackage, and the total.

    Args:
        files: counts by posix path; the names in them do not matter.
    """
    sums: dict[str, Counts] = {}
    total = Counts(name="total")
    for path, counts in sorted(files.items()):
        one = counts.model_copy(update={"files": 1})
        name = ".".join(PurePosixPath(path).parts[:-1][:2])
        sums[name] = sums.get(name, Counts(name=name)).plus(one)
        total = total.plus(one)
    return tuple(sums[name] for name in sorted(sums)), total


def compare_locks(old: Lock | None, new: Lock, previous: Report | None, patches: Iterable[PatchRow]) -> Changes | None:
    """What changed from one sync to the next.

    Args:
        old: the lock that the target held; None for a first sync.
        new: the lock of this sync.
        previous: the report of the previous sync, where it is still there; it tells the counts and the patches.
        patches: those of this sync.
    """
    if old is None:
        return None
    before, after = old.files, new.files
    symbols = {patch.symbol for patch in patches}
    earlier = {patch.symbol for patch in previous.patches} if previous else symbols
    return Changes(
        version=old.upstream.version,
        tool=old.tool,
        added=tuple(sorted(set(after) - set(before))),
        removed=tuple(sorted(set(before) - set(after))),
        changed=tuple(sorted(name for name in set(before) & set(after) if before[name] != after[name])),
        patches_added=tuple(sorted(symbols - earlier)),
        patches_removed=tuple(sorted(earlier - symbols)),
        before=previous.total if previous else None,
    )


# --- forms ------------------------------------------------------------------------------------------------------------


def write_report(report: Report, folder: Path) -> None:
    """Write the report as JSON, Markdown and HTML into a directory, which is made if it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = (report.model_dump_json(indent=2) + "\n", to_markdown(report), to_html(report))
    for name, text in zip(REPORT_FILES, texts, strict=True):
        (folder / name).write_text(text, encoding="utf-8")


def read_report(out: Path) -> Report | None:
    """The report that the last sync left in its target directory; None where there is none that can be read."""
    try:
        return Report.model_validate_json((out / REPORT_DIRECTORY / REPORT_FILES[0]).read_bytes())
    except (OSError, ValidationError):
        # A report only serves for comparison. One of another version of the toolchain is as good as none.
        return None


def to_markdown(report: Report) -> str:
    """The report for a pull request."""
    return templates().get_template("report.md.j2").render(report=report, cell=markdown_cell, fenced=markdown_fence)


def to_html(report: Report) -> str:
    """The report as one page that needs no other file and no network."""
    return templates().get_template("report.html.j2").render(report=report)


def to_terminal(report: Report) -> RenderableType:
    """The report as rich shows it; long lists are left to the files."""
    parts: list[RenderableType] = [_heading(report), _counts_table(report)]
    parts += [Text.from_markup(f"[yellow]note:[/] {escape(note)}") for note in report.notes]
    if report.verified is not None:
        parts.append(_verified_line(report.verified))
        parts += [Text.from_markup(f"[yellow]not checked:[/] {escape(why)}") for why in report.verified.skipped]
    parts.append(f"{len(report.patches)} patches, {len(report.rules)} rules, {len(report.known)} known to be open")
    if report.changes is not None:
        parts.append(_changes_line(report.changes))
    parts.append(Text("seconds: " + ", ".join(f"{name} {value:.1f}" for name, value in report.seconds.items())))
    parts += [problem_line(place) for place in report.problems]
    return Group(*parts)


def problem_line(place: Place) -> Text:
    """A problem on one line, the place first so that editors find it."""
    return Text.from_markup(f"[red]{escape(place.path)}:{place.line}[/] {escape(place.rule)}: {escape(place.message)}")


def _heading(report: Report) -> Text:
    state = f"[red]{len(report.problems)} to look at[/]" if report.problems else "[green]nothing to look at[/]"
    return Text.from_markup(f"DSPy [bold]{escape(report.version)}[/] from the {report.origin}: {state}")


def _counts_table(report: Report) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("subpackage")
    for name in ("files", "functions", "coroutines", "settings", "awaits"):
        table.add_column(name, justify="right")
    for counts in (*report.packages, report.total):
        style = "bold" if counts is report.total else None
        cells = (counts.files, counts.functions, counts.coroutines, counts.settings, counts.awaits)
        table.add_row(counts.name, *(str(cell) for cell in cells), style=style)
    return table


def _verified_line(verified: Verified) -> str:
    optional = f", {len(verified.optional)} need an optional distribution" if verified.optional else ""
    return (
        f"checked {verified.files} files, {verified.coroutines} coroutines, "
        f"{verified.imported} modules imported{optional}"
    )


def _changes_line(changes: Changes) -> str:
    if changes.is_empty:
        return f"the same files as the previous sync ({changes.version})"
    return (
        f"since the previous sync ({changes.version}): {len(changes.changed)} files changed, "
        f"{len(changes.added)} added, {len(changes.removed)} removed"
    )


def markdown_cell(text: object) -> str:
    """Text that stays within its cell of a Markdown table."""
    return " ".join(str(text).split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def markdown_fence(text: str, language: str = "diff") -> str:
    """Text as a block of code in Markdown, whatever it holds."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
