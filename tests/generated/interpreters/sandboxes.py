"""The command of the process that stands in for Deno, for upstream's interpreter and for the async one."""

from __future__ import annotations

import sys

from tests.support import sandbox


def stand_in(*options: str) -> list[str]:
    """A command; for its options see `tests.support.sandbox`."""
    return [sys.executable, sandbox.__file__, *options]
