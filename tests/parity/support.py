"""Small suites on disk, and the outcomes of tests that never ran."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

from codemods.parity.environment import Environment
from codemods.parity.model import Failure, Frame, Outcome, Side, SideRun, Status, Verdict
from codemods.parity.results import EnvironmentSummary, ResultRow, Results
from codemods.parity.run import Suite

HERE = Environment(Path(sys.executable), ("pytest==0",))
"""The environment of these tests, as one that a suite runs in."""


def write_suite(
    root: Path, tests: dict[str, str], *, side: Side = Side.UPSTREAM, package: str = "", **options: object
) -> Suite:
    """A tree with a package and its tests, and how they are run: one worker, and a timeout of a few seconds.

    Args:
        root: where it is made.
        tests: texts by name of the file in `tests/`.
        side: which side it stands for.
        package: text of `dspy/__init__.py`.
        options: of `Suite`.
    """
    files = {"dspy/__init__.py": package, "tests/__init__.py": "", **{f"tests/{n}": t for n, t in tests.items()}}
    for name, text in files.items():
        path = root / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    values: dict[str, object] = {"workers": 1, "timeout": 20.0, "flags": ("-o", "asyncio_mode=strict"), **options}
    return Suite(side=side, root=root / "tree", environment=HERE, scratch=root / "run", **values)  # type: ignore[arg-type]


def run_of(side: Side, outcomes: dict[str, str | Outcome]) -> SideRun:
    """A run with these outcomes; a plain word is a status."""
    made = {
        test: one if isinstance(one, Outcome) else Outcome(id=test, status=Status(one))
        for test, one in outcomes.items()
    }
    return SideRun(side=side, python="3.12.1", seconds=1.0, outcomes=made)


def failed(test: str, error: str, message: str, *frames: tuple[str, int, str], text: str = "") -> Outcome:
    """A test that failed with this error, at these frames, outermost first."""
    told = tuple(Frame(path=path, line=line, function=name) for path, line, name in frames)
    return Outcome(
        id=test,
        status=Status.FAILED,
        failure=Failure(error=error, message=message, frames=told, text=text or f"{error}: {message}"),
    )


def results(version: str = "2.0.1", listed: tuple[str, ...] = (), **tests: Verdict) -> Results:
    """Results of a run, with the verdict on each test."""
    return Results(
        version=version,
        commit=None,
        tool="0.1.0",
        tool_commit="abc",
        sources_sha256="a" * 64,
        tests_sha256="b" * 64,
        environment=EnvironmentSummary(
            python="3.12.1", system="Linux", resolved_on="2026-01-01", distributions=1, sha256="c" * 64, versions={}
        ),
        flags=("--extra",),
        workers=2,
        seconds={"upstream": 1.0, "async": 1.1},
        listed=listed,
        totals={},
        tests={test: ResultRow(verdict=verdict, upstream=Status.PASSED) for test, verdict in tests.items()},
    )
