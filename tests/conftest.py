"""What all tests share: markers, and an interrupt that is heard."""

from __future__ import annotations

import signal

import pytest

# What a shell without job control starts in the background is born deaf to it, and so is all that it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: works on a whole release; `-m 'not slow'` leaves it out")
