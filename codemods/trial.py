"""The contract suite on a release that is only tried, in a few words."""

from __future__ import annotations

import time
from pathlib import Path

from codemods.contract import ContractError, ContractOptions, run_contract
from codemods.errors import ToolError
from codemods.parity import Watcher
from codemods.parity.model import Row
from codemods.sync import SyncOptions


class Trial(Row):
    """What the suite says of a release."""

    summary: str
    """How many tests are equal on both packages, of how many; or that it was stopped."""
    problems: tuple[str, ...]
    """What a person must look at, a line each."""
    seconds: float


def try_contract(sync: SyncOptions, watcher: Watcher, folder: Path, only: tuple[str, ...] = ()) -> Trial:
    """Run the suite, or some of its tests, on both packages of a release; nothing it finds ends the run.

    Args:
        sync: the release and the project.
        watcher: sees the run as it goes.
        folder: where the suite's own report is written.
        only: ids or paths of tests; empty is all of them.
    """
    started = time.perf_counter()
    options = ContractOptions(sync=sync, only=only, report=folder)
    try:
        report = run_contract(options, watcher)
    except ContractError as error:
        report = error.report
    except ToolError as error:
        return Trial(
            summary="stopped", problems=(error.problem.splitlines()[0],), seconds=time.perf_counter() - started
        )
    totals = report.totals
    return Trial(
        summary=f"{totals.equal} of {totals.tests}",
        problems=tuple(report.problems),
        seconds=time.perf_counter() - started,
    )
