"""The last full run, as it is kept in git: ids and how they ended, and nothing of upstream's text."""

from __future__ import annotations

import json
import platform
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from packaging.version import InvalidVersion, Version
from pydantic import ValidationError

from codemods.errors import ToolError
from codemods.parity.environment import Environment
from codemods.parity.model import Compared, Outcome, Row, Status, Verdict

TOLD = ("litellm", "openai", "pydantic", "pytest", "pytest-asyncio", "pytest-xdist")
"""Distributions whose versions the summary of an environment names; the digest covers all."""


class EnvironmentSummary(Row):
    """Where the tests ran, without the names of machines or folders."""

    python: str
    system: str
    resolved_on: str
    """ISO date as of which the distributions were resolved."""
    distributions: int
    sha256: str
    """Digest of the installed distributions."""
    versions: dict[str, str]
    """Of those that matter most."""
    shared: bool = True
    """Whether both sides ran in one environment, in which neither package is installed: each is put on the path."""


class ResultRow(Row):
    """What came of one test."""

    verdict: Verdict
    upstream: Status | None = None
    converted: Status | None = None
    flaky: bool = False


class Strict(Row):
    """The converted suite once more, with what is otherwise let pass turned into errors."""

    never_awaited: tuple[str, ...] = ()
    """Ids of tests in which a coroutine was never awaited."""
    blocking: tuple[str, ...] = ()
    """Ids of tests in which the package blocks the event loop."""
    tests_blocking: tuple[str, ...] = ()
    """Ids of tests that block it themselves."""
    other: tuple[str, ...] = ()
    """Ids of tests that fail in this run alone for another reason."""
    places: tuple[str, ...] = ()
    """Where in the package the event loop is blocked, `path:line: call`."""


class Results(Row):
    """One full run of both suites."""

    version: str
    commit: str | None
    """Of the release; None where it is not the pinned one."""
    tool: str
    """The toolchain's version."""
    tool_commit: str | None
    """The toolchain's commit, with `+` where its files differed from it."""
    sources_sha256: str
    """Digest of the transformers, rules and patches that made the package and the tests."""
    tests_sha256: str
    """Digest of upstream's tests."""
    environment: EnvironmentSummary
    flags: tuple[str, ...]
    workers: int
    seconds: dict[str, float]
    """Wall clock of the first full run, by side."""
    listed: tuple[str, ...]
    """Ids in the ledger that differ."""
    totals: dict[str, int]
    strict: Strict | None = None
    """None where that run was not made."""
    tests: dict[str, ResultRow]

    def content(self) -> bytes:
        """The bytes of the file: one test a line, so that a diff shows which changed."""
        head = self.model_dump(mode="json", exclude={"tests"}, exclude_none=False)
        lines = [f"  {json.dumps(name)}: {json.dumps(value)}," for name, value in head.items()]
        rows = {name: row.model_dump(mode="json", exclude_defaults=True) for name, row in sorted(self.tests.items())}
        tests = ",\n".join(f"    {json.dumps(name)}: {json.dumps(row)}" for name, row in rows.items())
        return ("{\n" + "\n".join(lines) + '\n  "tests": {\n' + tests + "\n  }\n}\n").encode()


def results_file(folder: Path, version: str) -> Path:
    """Where the results for a release are kept."""
    return folder / f"results-{version}.json"


def read_results(path: Path) -> Results | None:
    """The results at a path; None if there are none.

    Raises:
        ToolError: the file holds something else.
    """
    try:
        return Results.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise ToolError(
            f"{path} holds no results that this toolchain wrote: {error.error_count()} faults, the first: "
            f"{error.errors()[0]['loc']}: {error.errors()[0]['msg']}",
            remedy="Delete it, and write it anew with: dspy-async parity --record",
        ) from error


def previous_results(folder: Path, version: str) -> Results | None:
    """The last results before a run: those of the release itself, else of the nearest release before it."""
    found = read_results(results_file(folder, version))
    if found is not None:
        return found
    earlier: list[tuple[Version, Path]] = []
    for path in folder.glob("results-*.json"):
        try:
            named = Version(path.stem.removeprefix("results-"))
        except InvalidVersion:
            continue
        if named < Version(version):
            earlier.append((named, path))
    return read_results(max(earlier)[1]) if earlier else None


def summarize(environment: Environment, python: str, resolved_on: str) -> EnvironmentSummary:
    """What is told of an environment."""
    versions = {name: version for name in TOLD if (version := environment.version(name)) is not None}
    return EnvironmentSummary(
        python=python,
        system=f"{platform.system()} {platform.machine()}",
        resolved_on=resolved_on,
        distributions=len(environment.distributions),
        sha256=environment.sha256,
        versions=versions,
    )


def rows(compared: Iterable[Compared]) -> dict[str, ResultRow]:
    """Each test's row, by id."""
    return {
        one.id: ResultRow(
            verdict=one.verdict,
            upstream=_status(one.upstream),
            converted=_status(one.converted),
            flaky=one.is_flaky,
        )
        for one in compared
    }


def _status(outcome: Outcome | None) -> Status | None:
    return outcome.status if outcome is not None else None


def totals(compared: Iterable[Compared]) -> dict[str, int]:
    """How many tests have each verdict, how many pass on each side, and how many are flaky."""
    listed = list(compared)
    counts = Counter(one.verdict for one in listed)
    return {
        "upstream passes": sum(one.upstream is not None and one.upstream.is_good for one in listed),
        "async passes": sum(one.converted is not None and one.converted.is_good for one in listed),
        **{verdict.value: counts[verdict] for verdict in Verdict},
        "flaky": sum(one.is_flaky for one in listed),
    }


class Since(Row):
    """What changed since the last run. All are ids, sorted."""

    version: str
    """The release of the last run."""
    regressions: tuple[str, ...] = ()
    """They passed on the async package, and differ now."""
    mended: tuple[str, ...] = ()
    """They differed, and pass on both."""
    arrived: tuple[str, ...] = ()
    """Upstream did not have them."""
    gone: tuple[str, ...] = ()
    """Upstream has them no more."""
    new_failures: tuple[str, ...] = ()
    """They differ, and upstream did not have them."""
    newly_listed: tuple[str, ...] = ()
    """In the ledger now, and not then."""


def since(previous: Results, compared: Iterable[Compared], listed: Iterable[str], different: Iterable[str]) -> Since:
    """Tell what changed from one run to the next.

    Args:
        previous: the last results.
        compared: the verdicts now.
        listed: ids in the ledger that differ.
        different: ids that differ, listed or not.
    """
    now = {one.id: one.verdict for one in compared}
    then = {test: row.verdict for test, row in previous.tests.items()}
    good = {Verdict.PASSES_BOTH, Verdict.ASYNC_ONLY}
    bad = set(different)
    return Since(
        version=previous.version,
        regressions=tuple(sorted(test for test in bad if then.get(test) in good)),
        mended=tuple(sorted(t for t, v in now.items() if v in good and t in then and then[t] in _DIFFERED)),
        arrived=tuple(sorted(set(now) - set(then))),
        gone=tuple(sorted(set(then) - set(now))),
        new_failures=tuple(sorted(bad - set(then))),
        newly_listed=tuple(sorted(set(listed) - set(previous.listed))),
    )


_DIFFERED = frozenset({Verdict.UPSTREAM_ONLY, Verdict.LOST})
