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
    for test, outcome in strict.outcomes.items():
        before = plain.outcomes.get(test)
        if outcome.status.is_bad and before is not None and before.is_good:
            is_lost = outcome.failure is not None and _NEVER_AWAITED in outcome.failure.message + outcome.failure.text
            (never if is_lost else other).append(test)
    inside = f"{PACKAGE}/"
    return Strict(
        never_awaited=tuple(never),
        blocking=tuple(t for t, places in strict.blocked.items() if any(p.startswith(inside) for p in places)),
        tests_blocking=tuple(
            t for t, places in strict.blocked.items() if not any(p.startswith(inside) for p in places)
        ),
        other=tuple(other),
        places=tuple(sorted({p for places in strict.blocked.values() for p in places if p.startswith(inside)})),
    )
