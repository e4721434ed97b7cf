"""Where the toolchain's own files are: the checkout that holds the pin, the patches and the output."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from codemods.errors import ToolError

PIN_FILE = "pin.toml"
CACHE_VARIABLE = "DSPY_ASYNC_CACHE"


@dataclass(frozen=True)
class Project:
    """A checkout of the toolchain.

    Args:
        root: the directory that holds `pin.toml`.
    """

    root: Path

    @property
    def pin(self) -> Path:
        """The file that names the release."""
        return self.root / PIN_FILE

    @property
    def ledger(self) -> Path:
        """The list of places that are known to be open; it may be missing."""
        return self.root / "open.toml"

    @property
    def patches(self) -> Path:
        """The directory of patches and additions."""
        return self.root / "patches"

    @property
    def constraints(self) -> Path:
        """The versions that environments for the pinned release are resolved to."""
        return self.root / "constraints.txt"

    @property
    def upstream(self) -> Path:
        """The submodule of DSPy's repository, which may be empty."""
        return self.root / "upstream"

    @property
    def generated(self) -> Path:
        """Where sync writes unless told otherwise."""
        return self.root / "generated"


def find_project(start: Path) -> Project:
    """The checkout around `start`, else the one this package runs from (an editable install).

    Raises:
        ToolError: neither is a checkout.
    """
    here = start.resolve()
    for candidate in (here, *here.parents, Path(__file__).resolve().parents[1]):
        if (candidate / PIN_FILE).is_file() and (candidate / "patches").is_dir():
            return Project(candidate)
    raise ToolError(
        f"{here} is not in a checkout of the toolchain: no {PIN_FILE} beside a patches/ directory in it or above it",
        remedy="Run the command inside a clone of the repository.",
    )


def cache_directory() -> Path:
    """Where downloads are kept between runs: `DSPY_ASYNC_CACHE`, else the user's cache directory."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen) if chosen else platformdirs.user_cache_path("dspy-async", appauthor=False)
