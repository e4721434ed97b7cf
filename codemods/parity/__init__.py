"""Upstream's tests on both packages, test by test: the proof that behaviour is the same."""

from codemods.parity.line import ParityError, ParityOptions, Watcher, run_parity
from codemods.parity.prepare import NoTestsError
from codemods.parity.report import ParityReport, to_terminal

__all__ = ["NoTestsError", "ParityError", "ParityOptions", "ParityReport", "Watcher", "run_parity", "to_terminal"]
