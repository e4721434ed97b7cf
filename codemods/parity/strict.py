"""What only a stricter run shows: coroutines that nobody awaits, and calls that block the event loop."""

from __future__ import annotations

from codemods.parity.model import SideRun
from codemods.parity.results import Strict
from codemods.source import PACKAGE

_NEVER_AWAITED = "was never awaited"


def read_strict(strict: SideRun, plain: SideRun) -> Strict:
    """Sort what a strict run found.

    Args:
        strict: the run with warnings as errors, and watched for what blocks.
        plain: the run without; what fails in both is no finding of the strict one.
    """
    never: list[str] = []
    other: list[str] = []
    for test in only_strict(strict, plain):
        failure = strict.outcomes[test].failure
        is_lost = failure is not None and _NEVER_AWAITED in failure.message + failure.text
        (never if is_lost else other).append(test)
    inside = {test: [p for p in places if p.startswith(f"{PACKAGE}/")] for test, places in strict.blocked.items()}
    return Strict(
        never_awaited=tuple(never),
        blocking=tuple(test for test, places in inside.items() if places),
        tests_blocking=tuple(test for test, places in inside.items() if len(places) < len(strict.blocked[test])),
        other=tuple(other),
        places=tuple(sorted({place for places in inside.values() for place in places})),
    )


def only_strict(strict: SideRun, plain: SideRun) -> list[str]:
    """Ids of tests that fail in the strict run each time, and pass in the plain one."""
    return [
        test
        for test, outcome in strict.outcomes.items()
        if test in plain.outcomes
        and plain.outcomes[test].is_good
        and all(status.is_bad for status in (outcome.status, *outcome.again))
    ]
