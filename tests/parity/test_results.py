"""Results that are kept in git: whole, readable as a diff, and made by the sources in the tree."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from codemods.errors import ToolError
from codemods.parity.model import Compared, Outcome, Status, Verdict
from codemods.parity.results import (
    ResultRow,
    previous_results,
    read_results,
    results_file,
    rows,
    since,
    totals,
)
from tests.parity.support import results


def compared(**tests: Verdict) -> list[Compared]:
    return [Compared(id=test, verdict=verdict) for test, verdict in tests.items()]


def test_written_one_test_a_line_and_read_back(tmp_path: Path) -> None:
    made = results(b=Verdict.UPSTREAM_ONLY, a=Verdict.PASSES_BOTH)
    path = results_file(tmp_path, "2.0.1")
    path.write_bytes(made.content())
    assert read_results(path) == made
    lines = path.read_text().splitlines()
    assert [line.strip() for line in lines if '"verdict"' in line] == [
        '"a": {"verdict": "passes both", "upstream": "passed"},',
        '"b": {"verdict": "upstream only", "upstream": "passed"}',
    ]
    assert json.loads(path.read_text())["flags"] == ["--extra"]
    assert read_results(tmp_path / "none.json") is None
    path.write_text("{}")
    with pytest.raises(ToolError, match="no results"):
        read_results(path)


def test_rows_and_totals() -> None:
    good, bad = Outcome(id="t", status=Status.PASSED), Outcome(id="t", status=Status.FAILED, again=(Status.PASSED,))
    one = Compared(id="t", verdict=Verdict.UPSTREAM_ONLY, upstream=good, converted=bad)
    row = ResultRow(verdict=Verdict.UPSTREAM_ONLY, upstream=Status.PASSED, converted=Status.FAILED, flaky=True)
    assert rows([one]) == {"t": row}
    counted = totals([one, Compared(id="u", verdict=Verdict.SKIPPED)])
    assert (counted["upstream passes"], counted["async passes"], counted["upstream only"]) == (1, 0, 1)
    assert (counted["skipped"], counted["flaky"], counted["lost"]) == (1, 1, 0)


def test_the_run_before_is_that_of_the_release_or_of_the_nearest_before_it(tmp_path: Path) -> None:
    for version in ("2.0.0", "2.0.9", "2.0.10", "2.1.0"):
        results_file(tmp_path, version).write_bytes(results(version).content())
    (tmp_path / "results-of-something.json").write_text("{}")

    def found(version: str) -> str | None:
        previous = previous_results(tmp_path, version)
        return previous.version if previous else None

    assert found("2.0.9") == "2.0.9"
    assert found("2.0.11") == "2.0.10"
    assert found("1.0") is None


def test_regressions_are_told_from_tests_that_arrived_and_from_what_is_newly_listed() -> None:
    before = results(
        listed=("was_listed",),
        broke=Verdict.PASSES_BOTH,
        was_listed=Verdict.UPSTREAM_ONLY,
        mended=Verdict.LOST,
        same=Verdict.PASSES_BOTH,
        gone=Verdict.PASSES_BOTH,
        open=Verdict.UPSTREAM_ONLY,
    )
    now = compared(
        broke=Verdict.UPSTREAM_ONLY,
        was_listed=Verdict.UPSTREAM_ONLY,
        mended=Verdict.PASSES_BOTH,
        same=Verdict.PASSES_BOTH,
        open=Verdict.UPSTREAM_ONLY,
        fresh=Verdict.PASSES_BOTH,
        fresh_bad=Verdict.UPSTREAM_ONLY,
        fresh_listed=Verdict.UPSTREAM_ONLY,
    )
    different = [one.id for one in now if one.verdict is Verdict.UPSTREAM_ONLY]
    changed = since(before, now, ["was_listed", "fresh_listed"], different)
    assert changed.regressions == ("broke",)
    assert changed.mended == ("mended",)
    assert changed.arrived == ("fresh", "fresh_bad", "fresh_listed")
    assert changed.gone == ("gone",)
    assert changed.new_failures == ("fresh_bad", "fresh_listed")
    assert changed.newly_listed == ("fresh_listed",)
