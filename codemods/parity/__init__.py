"""One suite on both packages, test by test: upstream's own proves that behaviour is the same."""

from codemods.parity.line import ParityError, ParityOptions, SuiteKind, Watcher, run_parity, run_sides
from codemods.parity.prepare import NoTestsError
from codemods.parity.report import ParityReport, to_terminal

__all__ = [
    "NoTestsError",
    "ParityError",
    "ParityOptions",
    "ParityReport",
    "SuiteKind",
    "Watcher",
    "run_parity",
    "run_sides",
    "to_terminal",
]
