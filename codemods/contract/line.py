"""The contract suite from end to end: its tests on both packages, compared, judged, and what they awaited counted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from codemods.contract.reach import UNREACHED_FILE, Reach, load_unreached, measure
from codemods.contract.report import ContractReport, write_report
from codemods.errors import ToolError
from codemods.parity.line import ParityOptions, Sides, SuiteKind, Watcher, run_sides
from codemods.parity.prepare import NoTestsError
from codemods.pin import Pin
from codemods.sync import SyncOptions

FOLDER = "contract"
"""Below `tests/`, and in the cache."""
SETTINGS_FILE = "pytest.ini"
"""How pytest is set up for the suite; it stands at the top of the tree that the tests run in."""
_SHARED = ("tests/support/__init__.py", "tests/support/model_server.py", "tests/support/sandbox.py")
"""What the suite takes from the project's other tests: a server that the programs talk to, and no part of them."""
LONGEST_LEDGER = 5
"""How many differences the ledger may list."""


def read_contract(pin: Pin, options: SyncOptions, version: str, given: Path | None) -> dict[str, bytes]:
    """The suite's files by posix path; the same for every release. See `codemods.parity.line.ReadTests`."""
    root = given or options.project.root
    folder = root / "tests" / FOLDER
    paths = [path for path in folder.rglob("*") if path.suffix == ".py" and "__pycache__" not in path.parts]
    settings = folder / SETTINGS_FILE
    if not paths or not settings.is_file():
        raise NoTestsError(
            f"{folder} does not hold the contract suite", remedy="Run the command in a checkout of the toolchain."
        )
    files = {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(paths)}
    shared = {name: (root / name).read_bytes() for name in _SHARED}
    return {**files, **shared, SETTINGS_FILE: settings.read_bytes()}


SUITE = SuiteKind(FOLDER, read_contract, beside=frozenset(_SHARED), follow=True)


@dataclass(frozen=True)
class ContractOptions:
    """What one run is asked to do.

    Args:
        sync: which release, of which project; where caches are.
        python: version or path of the interpreter that both sides run on. What is awaited is counted from 3.12 on.
        workers: test processes at once.
        timeout: seconds for each test.
        only: ids or paths of tests; empty is all of them.
        report: where the report is written; None for a folder in the cache.
    """

    sync: SyncOptions
    python: str = "3.12"
    workers: int = 2
    timeout: float = 60.0
    only: tuple[str, ...] = ()
    report: Path | None = None

    @property
    def parity(self) -> ParityOptions:
        """The same for the line that runs it."""
        return ParityOptions(
            sync=self.sync,
            suite=SUITE,
            python=self.python,
            workers=self.workers,
            timeout=self.timeout,
            extra=False,
            only=self.only,
        )


class ContractError(ToolError):
    """The packages differ where the ledger does not say so, a test fails on both, or a coroutine is never awaited."""

    def __init__(self, report: ContractReport, folder: Path) -> None:
        lines = [f"  {problem}" for problem in report.problems]
        shown = [*lines[:40], *([f"  ... and {len(lines) - 40} more"] if len(lines) > 40 else [])]
        super().__init__(
            f"DSPy {report.version}: {len(lines)} places to look at\n" + "\n".join(shown),
            remedy="Mend the package, the migration or the test; what cannot be equal for a reason goes into "
            f"tests/{FOLDER}/ledger.toml, what cannot be awaited into tests/{FOLDER}/{UNREACHED_FILE}. "
            f"With tracebacks: {folder / 'parity.html'}",
        )
        self.report = report


def run_contract(options: ContractOptions, watcher: Watcher) -> ContractReport:
    """Run the suite on both packages and write the report.

    Raises:
        ContractError: something needs a person; the report is in the error and is written all the same.
        ToolError: something else stopped the run.
    """
    sides = run_sides(options.parity, watcher)
    report = ContractReport(sides=sides.report, reach=_reach(options, sides), longest_ledger=LONGEST_LEDGER)
    folder = options.report or options.parity.cache / f"report-{report.version}"
    write_report(report, folder)
    if report.problems:
        raise ContractError(report, folder)
    return report


def _reach(options: ContractOptions, sides: Sides) -> Reach | None:
    """None where only some tests were run, or on a Python that cannot tell."""
    reached = sides.converted.reached
    if options.only or not reached:
        return None
    version = sides.report.results.version
    return measure(sides.pair.converted, set(reached), load_unreached(options.parity.folder / UNREACHED_FILE, version))
