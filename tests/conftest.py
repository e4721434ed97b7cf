"""Markers of the toolchain's own tests."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: works on a whole release; `-m 'not slow'` leaves it out")
