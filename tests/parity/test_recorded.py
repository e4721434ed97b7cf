"""The results in git: of the pinned release, whole, and made by the sources in the tree."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from codemods.parity.ledger import DIFFERENT, load_ledger
from codemods.parity.model import Verdict
from codemods.parity.prepare import sources_sha256
from codemods.parity.results import ResultRow, Results, read_results, results_file
from codemods.pin import load_pin
from codemods.project import find_project

PROJECT = find_project(Path(__file__).parent)
FOLDER = PROJECT.root / "tests" / "parity"


@pytest.fixture(scope="module")
def recorded() -> Results:
    found = read_results(results_file(FOLDER, load_pin(PROJECT.pin).version))
    assert found is not None, "record the results of the pinned release: nox -s parity -- --strict --record"
    return found


def test_the_results_were_made_by_the_sources_in_the_tree(recorded: Results) -> None:
    assert recorded.sources_sha256 == sources_sha256(PROJECT.root), (
        "the transformers, rules or patches have changed since the results in tests/parity/ were recorded: "
        "run `nox -s parity -- --strict --record` and commit what it writes"
    )


def test_the_results_are_of_the_pinned_release_and_whole(recorded: Results) -> None:
    pin = load_pin(PROJECT.pin)
    assert (recorded.version, recorded.commit) == (pin.version, pin.commit)
    assert recorded.environment.resolved_on == pin.resolved_on.isoformat()
    counted = Counter(row.verdict for row in recorded.tests.values())
    assert {verdict: recorded.totals[verdict.value] for verdict in Verdict} == {v: counted[v] for v in Verdict}
    assert recorded.totals["upstream passes"] > 0


def test_what_differs_is_in_the_ledger(recorded: Results) -> None:
    listed = {entry.id for entry in load_ledger(FOLDER / "ledger.toml", recorded.version)}
    assert {test for test, row in recorded.tests.items() if row.verdict in DIFFERENT} == listed == set(recorded.listed)
    assert recorded.totals[Verdict.ADDED.value] == 0


def test_nothing_of_a_machine_and_nothing_of_upstreams_text_is_kept(recorded: Results) -> None:
    text = results_file(FOLDER, recorded.version).read_text(encoding="utf-8")
    assert not re.search(r"(?<![\w.\[-])/(home|root|tmp|work|Users|usr)/", text)
    read = json.loads(text)
    assert set(read) == set(Results.model_fields)
    assert {key for row in read["tests"].values() for key in row} <= set(ResultRow.model_fields)
