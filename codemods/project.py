"""Where the toolchain's own files are: the checkout that holds the pin, the patches and the output."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from codemods.errors import ToolError

PIN_FILE = "pin.toml"
SHIPPED = "_project"
"""The directory of this package in which a wheel carries pin and patches."""
CACHE_VARIABLE = "DSPY_ASYNC_CACHE"


@dataclass(frozen=True)
class Project:
    """A checkout of the toolchain.

    Args:
        root: the directory that holds `pin.toml`.
        pin_file: another file that names the release: of one that is only tried.
    """

    root: Path
    pin_file: Path | None = None

    @property
    def pin(self) -> Path:
        """The file that names the release."""
        return self.pin_file or self.root / PIN_FILE

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
        if _is_project(candidate):
            return Project(candidate)
    raise ToolError(
        f"{here} is not in a checkout of the toolchain: no {PIN_FILE} beside a patches/ directory in it or above it",
        remedy="Run the command inside a clone of the repository.",
    )


def own_project() -> Project:
    """What this package itself came with: the checkout it runs from, or what its wheel carries.

    A wheel's has pin and patches, and neither a submodule nor output.

    Raises:
        ToolError: the package is incomplete.
    """
    package = Path(__file__).resolve().parent
    for candidate in (package / SHIPPED, package.parent):
        if _is_project(candidate):
            return Project(candidate)
    raise ToolError(
        f"{package} lacks the pin and the patches that belong to it",
        remedy="Install the toolchain again, from a wheel.",
    )


def _is_project(directory: Path) -> bool:
    return (directory / PIN_FILE).is_file() and (directory / "patches").is_dir()


def cache_directory() -> Path:
    """Where downloads are kept between runs: `DSPY_ASYNC_CACHE`, else the user's cache directory."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen) if chosen else platformdirs.user_cache_path("dspy-async", appauthor=False)
