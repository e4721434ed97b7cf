"""Both sides held against each other, id by id, and what differs grouped by cause."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from codemods.parity.model import Cause, Compared, Failure, Outcome, Side, SideRun, Status, Verdict

_VOLATILE = re.compile(r"0x[0-9a-fA-F]+|'[^']*'|\"[^\"]*\"|\d+")
_SPECIFIC = re.compile(r"[\w.]*<locals>[\w.<>]*|(?<=: )\[[^\]]*\]")
"""Functions within a test, and what DSPy's own errors begin with: the model's name."""
_QUOTED_KEPT = frozenset({"TypeError", "AttributeError", "ImportError", "ModuleNotFoundError", "NameError"})
"""Errors whose quoted names are the point, and not an accident of the test."""


def compare(upstream: SideRun, converted: SideRun, lost: Mapping[str, Mapping[str, str]]) -> tuple[Compared, ...]:
    """The verdict on every id that either side knows, sorted by id.

    Args:
        upstream: the run on upstream's package.
        converted: the run on the generated one.
        lost: functions of tests that lost assertions, by path and name, with a sentence.
    """
    missing = _files_not_collected(converted.outcomes)
    ids = sorted({*upstream.outcomes, *converted.outcomes})
    return tuple(_one(test, upstream.outcomes.get(test), converted.outcomes.get(test), lost, missing) for test in ids)


def _files_not_collected(outcomes: Mapping[str, Outcome]) -> dict[str, str]:
    gone = (Status.UNCOLLECTED, Status.SKIPPED)
    return {
        test: one.reason or (one.failure.headline if one.failure else "")
        for test, one in outcomes.items()
        if "::" not in test and one.status in gone
    }


def _one(
    test: str,
    before: Outcome | None,
    after: Outcome | None,
    lost: Mapping[str, Mapping[str, str]],
    missing: Mapping[str, str],
) -> Compared:
    verdict, why = _verdict(test, before, after, lost, missing)
    return Compared(id=test, verdict=verdict, why=why, upstream=before, converted=after)


def _verdict(
    test: str,
    before: Outcome | None,
    after: Outcome | None,
    lost: Mapping[str, Mapping[str, str]],
    missing: Mapping[str, str],
) -> tuple[Verdict, str]:
    if before is None:
        if after is not None and after.status is Status.UNCOLLECTED:
            return Verdict.LOST, "its file is not collected"
        return Verdict.ADDED, "upstream has no test of this name"
    path = test.partition("::")[0]
    if after is None:
        return Verdict.LOST, f"not collected: {missing[path]}" if path in missing else "not collected"
    if fewer := _fewer(test, lost):
        return Verdict.LOST, fewer
    if before.status is Status.SKIPPED and after.status is Status.SKIPPED:
        return Verdict.SKIPPED, before.reason
    if after.status is Status.SKIPPED and before.is_good:
        return Verdict.LOST, f"skipped on the async side only: {after.reason}"
    if before.is_good:
        return (Verdict.PASSES_BOTH if after.is_good else Verdict.UPSTREAM_ONLY), ""
    if after.is_good:
        return Verdict.ASYNC_ONLY, ""
    return Verdict.FAILS_BOTH, ""


def _fewer(test: str, lost: Mapping[str, Mapping[str, str]]) -> str:
    """Why a test asserts less than it did: itself, or what its file has outside of tests."""
    path, _, rest = test.partition("::")
    functions = lost.get(path)
    if not functions:
        return ""
    name = rest.partition("[")[0].replace("::", ".")
    helpers = [f"{one or 'the module'} has {why}" for one, why in functions.items() if not _is_test(one)]
    own = [why for one, why in functions.items() if one == name]
    return "; ".join([*own, *helpers])


def _is_test(name: str) -> bool:
    return name.rpartition(".")[2].startswith("test")


def differing(compared: Iterable[Compared]) -> list[str]:
    """Ids of tests to be run again: those that pass on one side only, and those that a busy machine may have ended."""
    return [one.id for one in compared if "::" in one.id and (one.verdict in _DIFFERING or _was_ended(one))]


_DIFFERING = frozenset({Verdict.UPSTREAM_ONLY, Verdict.ASYNC_ONLY})
_ENDED = frozenset({Status.TIMEOUT, Status.CRASHED})


def _was_ended(one: Compared) -> bool:
    return any(side is not None and side.status in _ENDED for side in (one.upstream, one.converted))


def with_reruns(run: SideRun, reruns: Iterable[SideRun]) -> SideRun:
    """A run with what the later ones say of the same tests."""
    outcomes = dict(run.outcomes)
    for again in reruns:
        for test, outcome in again.outcomes.items():
            if (first := outcomes.get(test)) is not None:
                outcomes[test] = first.model_copy(update={"again": (*first.again, outcome.status)})
    return run.model_copy(update={"outcomes": outcomes})


def causes(compared: Iterable[Compared], side: Side = Side.ASYNC) -> tuple[Cause, ...]:
    """Failures of one side by what caused them, the most frequent first."""
    groups: defaultdict[tuple[str, str, str], list[tuple[str, Failure]]] = defaultdict(list)
    for one in compared:
        outcome = one.converted if side is Side.ASYNC else one.upstream
        if outcome is not None and outcome.failure is not None:
            groups[_cause(outcome.failure)].append((one.id, outcome.failure))
    rows = [
        Cause(place=_place(group[0][1]), error=group[0][1].headline[:300], ids=tuple(test for test, _ in group))
        for group in groups.values()
    ]
    return tuple(sorted(rows, key=lambda row: (-len(row.ids), row.place, row.error)))


def _cause(failure: Failure) -> tuple[str, str, str]:
    """What failures with one cause have in common."""
    frame = failure.innermost
    if frame is None:
        return failure.error, _alike(failure), ""
    if not frame.path.startswith("dspy/"):
        # Each test is a place of its own; what they have in common is the message, if that.
        alike = _alike(failure)
        return failure.error, alike, "" if alike.strip() and failure.error != "AssertionError" else frame.path
    return failure.error, f"{frame.path}:{frame.function}", _alike(failure)


def _alike(failure: Failure) -> str:
    """The error's first line without what differs from test to test."""
    headline = _SPECIFIC.sub("#", failure.headline)
    if failure.error in _QUOTED_KEPT:
        return re.sub(r"0x[0-9a-fA-F]+|\d+", "#", headline)
    return _VOLATILE.sub("#", headline)


def _place(failure: Failure) -> str:
    frame = failure.innermost
    return f"{frame.path}:{frame.line} in {frame.function}" if frame else "no frame of the package or its tests"
