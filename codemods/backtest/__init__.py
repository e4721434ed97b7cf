"""Today's toolchain on the releases of the past: what it claims, tried."""

from codemods.backtest.model import Backtest, BacktestError, load_releases
from codemods.backtest.report import to_terminal
from codemods.backtest.run import BacktestOptions, run_backtest

__all__ = ["Backtest", "BacktestError", "BacktestOptions", "load_releases", "run_backtest", "to_terminal"]
