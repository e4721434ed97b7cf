"""What parity found, from one model: in the terminal, as Markdown for a pull request, and as a page."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from markupsafe import Markup
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from codemods.emit import templates
from codemods.parity.ledger import Judgement, Listed
from codemods.parity.model import Cause, Compared, Outcome, Row, Verdict
from codemods.parity.results import Results, Since

REPORT_FILES = ("parity.json", "parity.md", "parity.html")
_SHOWN_CAUSES = 25


class ModuleRow(Row):
    """How the tests of one file compare."""

    path: str
    counts: dict[Verdict, int]
    ids: tuple[str, ...]

    @property
    def total(self) -> int:
        """How many tests it has."""
        return len(self.ids)

    @property
    def differs(self) -> int:
        """How many of them do not pass on the async side though they pass on the other, or are lost."""
        return self.counts.get(Verdict.UPSTREAM_ONLY, 0) + self.counts.get(Verdict.LOST, 0)


class ParityReport(Row):
    """Everything there is to say of one run."""

    results: Results
    tests: tuple[Compared, ...]
    causes: tuple[Cause, ...]
    """Of what differs, on the async side, the most frequent first."""
    shared_causes: tuple[Cause, ...]
    """Of what fails on both sides, on upstream's."""
    judgement: Judgement
    entries: tuple[Listed, ...]
    """The ledger's entries that are used."""
    since: Since | None
    """None where there are no earlier results."""
    notes: tuple[str, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """Everything for which the run is no success, a line each."""
        judged, strict = self.judgement, self.results.strict
        lines = [*judged.unlisted, *(f"{test} (only on the async side)" for test in judged.added)]
        lines += [f"ledger: {fault}" for fault in judged.stale]
        if strict is not None:
            lines += [f"never awaited: {test}" for test in strict.never_awaited]
            lines += [f"blocks the event loop: {place}" for place in strict.places]
        return tuple(lines)

    @property
    def modules(self) -> tuple[ModuleRow, ...]:
        """The tests by file, sorted."""
        return modules(self.tests)

    @property
    def skips(self) -> tuple[tuple[str, int], ...]:
        """How many tests are skipped on both sides for which reason, the most frequent first."""
        reasons = Counter(one.why for one in self.tests if one.verdict is Verdict.SKIPPED)
        return tuple(sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0])))

    @property
    def ratio(self) -> float | None:
        """The async run's time by upstream's."""
        upstream = self.results.seconds.get("upstream", 0.0)
        return self.results.seconds.get("async", 0.0) / upstream if upstream else None


def modules(tests: Iterable[Compared]) -> tuple[ModuleRow, ...]:
    """Tests by the file they are in, sorted."""
    grouped: dict[str, list[Compared]] = {}
    for one in tests:
        grouped.setdefault(one.id.partition("::")[0], []).append(one)
    return tuple(
        ModuleRow(path=path, counts=dict(Counter(t.verdict for t in group)), ids=tuple(t.id for t in group))
        for path, group in sorted(grouped.items())
    )


def write_report(report: ParityReport, folder: Path) -> None:
    """Write the report as JSON, Markdown and HTML into a directory, which is made if it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = (report.model_dump_json(indent=1) + "\n", to_markdown(report), to_html(report))
    for name, text in zip(REPORT_FILES, texts, strict=True):
        (folder / name).write_text(text, encoding="utf-8")


def to_markdown(report: ParityReport) -> str:
    """The report for a pull request."""
    return templates().get_template("parity.md.j2").render(report=report, cell=_cell, Verdict=Verdict)


def to_html(report: ParityReport) -> str:
    """The report as one page that needs no other file and no network."""
    template = templates().get_template("parity.html.j2")
    return template.render(report=report, data=_data(report), verdicts=list(Verdict))


def to_terminal(report: ParityReport) -> RenderableType:
    """The report as rich shows it; long lists are left to the files."""
    results = report.results
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, count in results.totals.items():
        if count:
            table.add_row(name, str(count))
    parts: list[RenderableType] = [Text(f"DSPy {results.version}, upstream's tests on both packages"), table]
    seconds = ", ".join(f"{side} {value:.0f}" for side, value in results.seconds.items())
    ratio = f" (async takes {report.ratio:.2f} times as long)" if report.ratio is not None else ""
    parts.append(Text(f"seconds: {seconds}{ratio}"))
    parts += [Text(f"note: {note}", style="yellow") for note in report.notes]
    if results.strict is not None:
        strict = results.strict
        parts.append(
            Text(
                f"strict: {len(strict.never_awaited)} tests leave a coroutine that nobody awaits, {len(strict.places)} "
                f"places of the package block the loop, {len(strict.tests_blocking)} tests block it themselves, "
                f"{len(strict.other)} fail in this run alone"
            )
        )
    for cause in report.causes[:_SHOWN_CAUSES]:
        parts.append(Text.assemble((f"{len(cause.ids):4} ", "red"), cause.place, "  ", (cause.error, "dim")))
    if len(report.causes) > _SHOWN_CAUSES:
        parts.append(Text(f"  ... and {len(report.causes) - _SHOWN_CAUSES} more causes"))
    return Group(*parts)


def _data(report: ParityReport) -> Markup:
    """The tests as JSON that may stand in a script element."""
    rows = [
        {
            "id": one.id,
            "verdict": one.verdict.value,
            "why": one.why,
            "flaky": one.is_flaky,
            "listed": one.id in report.judgement.listed,
            "upstream": _side(one.upstream),
            "async": _side(one.converted),
        }
        for one in report.tests
    ]
    # A script ends at the first `</`, wherever it stands.
    return Markup(json.dumps(rows).replace("<", "\\u003c"))


def _side(outcome: Outcome | None) -> dict[str, object] | None:
    if outcome is None:
        return None
    failure = outcome.failure
    frame = failure.innermost if failure else None
    return {
        "status": outcome.status.value,
        "again": [status.value for status in outcome.again],
        "seconds": outcome.seconds,
        "reason": outcome.reason,
        "error": failure.headline if failure else "",
        "place": f"{frame.path}:{frame.line} in {frame.function}" if frame else "",
        "text": failure.text if failure else "",
    }


def _cell(text: object) -> str:
    """Text that stays within its cell of a Markdown table."""
    return " ".join(str(text).split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
