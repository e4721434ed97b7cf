"""Stage 1: which release of DSPy is converted."""

from __future__ import annotations

import datetime
import tomllib
from pathlib import Path
from typing import Annotated

from packaging.version import InvalidVersion, Version
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from codemods.errors import ToolError, UsageError


def _is_version(text: str) -> str:
    try:
        Version(text)
    except InvalidVersion as error:
        raise ValueError(str(error)) from error
    return text


class Pin(BaseModel):
    """A release, named so that nobody can swap it: what is read must have this commit or this hash."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Annotated[str, AfterValidator(_is_version)]
    """The release's version, as the package index spells it."""
    commit: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")] | None = None
    """The git commit of its tag; None where no clone of upstream's repository was at hand to tell it."""
    sdist_sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 of its source archive."""
    resolved_on: datetime.date
    """Day as of which environments that run upstream's tests are resolved."""
    post: Annotated[int, Field(ge=0)] = 0
    """Which re-release of the converted package this is: `.postN` of upstream's version; 0 for the first."""

    def content(self) -> str:
        """The pin as the text of its file, with what each line is for."""
        lines = [
            "# The release of DSPy that a plain `dspy-async sync` converts. `nox -s bump -- VERSION` moves it.",
            f'version = "{self.version}"',
        ]
        if self.commit is not None:
            lines += [
                "# The commit that the release was tagged at, in the `upstream` submodule.",
                f'commit = "{self.commit}"',
            ]
        lines += [
            f"# Of the release's source archive (dspy-{self.version}.tar.gz), as the package index publishes it.",
            f'sdist_sha256 = "{self.sdist_sha256}"',
            "# Environments that run upstream's own tests are resolved as of this day: newer dependencies break some of"
            " them.",
            f"resolved_on = {self.resolved_on.isoformat()}",
        ]
        if self.post:
            lines += [
                f"# This re-release of the converted package is {self.version}.post{self.post}.",
                f"post = {self.post}",
            ]
        return "\n".join(lines) + "\n"


def load_pin(path: Path) -> Pin:
    """Read a pin file.

    Raises:
        ToolError: the file is missing, is not TOML, or does not hold exactly the fields of `Pin`.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        return Pin.model_validate(values)
    except FileNotFoundError as error:
        raise ToolError(f"there is no pin at {path}", remedy="Restore it with: git checkout -- pin.toml") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ToolError(f"{path} is not valid TOML: {error}", remedy="Mend it, or restore it from git.") from error
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors())
        problem = f"{path} does not name a release: {faults}"
        raise ToolError(problem, remedy="Mend it, or restore it from git.") from error


def normal_version(text: str) -> str:
    """A version asked for on the command line, in the spelling package indexes use (`v3.3.0` becomes `3.3.0`).

    Raises:
        UsageError: it is no version number.
    """
    try:
        return str(Version(text))
    except InvalidVersion as error:
        raise UsageError(f"{text!r} is not a version number", remedy="Name a release, such as 3.3.0.") from error
