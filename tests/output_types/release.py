"""The output that `nox -s types` has written, and the checker of it."""

from __future__ import annotations

from dataclasses import dataclass

from codemods.verify import Checker


@dataclass(frozen=True)
class Release:
    """The output of a sync, and what it came from."""

    checker: Checker
    files: dict[str, str]
    upstream: dict[str, str]
