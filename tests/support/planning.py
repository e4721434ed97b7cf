"""Plans of samples, with lines counted from the sample's first."""

from __future__ import annotations

from collections.abc import Iterable

from codemods.plan import FilePlan, plan_files
from tests.support.conversion import FINAL, HEADER, SAMPLE, toy_coloring

TOP = HEADER.count("\n")
"""Lines that stand before a sample."""


def planned(code: str, *, final: Iterable[str] = (), default: str | None = None) -> FilePlan:
    """The plan of a sample; ``final`` symbols stay, ``default`` are the settings of its top level."""
    return plan_files(toy_coloring(code, final=final), default, [*FINAL, *final])[SAMPLE]


def lines(plan: FilePlan) -> dict[str, object]:
    """The plan with lines counted from the sample's first."""
    return {
        "functions": {(line - TOP, column): value for (line, column), value in plan.functions.items()},
        "calls": {_place(place): value for place, value in plan.calls.items()},
        "reads": {_place(place): value for place, value in plan.reads.items()},
        "withs": {_place(place): value for place, value in plan.withs.items()},
    }


def _place(place: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    return place[0] - TOP, place[1], place[2] - TOP, place[3]
