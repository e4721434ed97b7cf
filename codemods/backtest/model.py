"""The declared releases, and what came of each."""

from __future__ import annotations

import datetime
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from packaging.version import Version
from pydantic import AfterValidator, Field, ValidationError, model_validator

from codemods.errors import ToolError, UsageError
from codemods.parity.model import Row
from codemods.pin import normal_version
from codemods.report import Place
from codemods.survey import Step, Survey

RELEASES_FILE = Path(__file__).with_name("releases.toml")


class Release(Row):
    """One release of the list."""

    version: Annotated[str, AfterValidator(normal_version)]
    claimed: bool = True
    """Whether it must come out without a person."""
    reason: str = ""
    """Why it is not claimed."""
    absent: str = ""
    """Why the index does not have it, if it does not. Then it must not."""

    @model_validator(mode="after")
    def _says_why(self) -> Release:
        if not self.claimed and len(self.reason) < 15:
            raise ValueError("a release that is not claimed says why, in `reason`")
        return self


class Releases(Row):
    """The list."""

    smoke: tuple[str, ...] = ()
    """Ids or paths of tests of the contract suite that each release has to pass."""
    release: tuple[Release, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _sorted(self) -> Releases:
        versions = [Version(one.version) for one in self.release]
        if versions != sorted(set(versions)):
            raise ValueError("releases stand in order, each once")
        return self

    def chosen(self, versions: tuple[str, ...]) -> tuple[Release, ...]:
        """Those asked for, in order; all by default. One that is not listed is tried too, and not claimed."""
        if not versions:
            return self.release
        listed = {one.version: one for one in self.release}
        wanted = sorted({normal_version(text) for text in versions}, key=Version)
        why = "asked for on the command line, and not in the list"
        return tuple(listed.get(v) or Release(version=v, claimed=False, reason=why) for v in wanted)


def load_releases(path: Path = RELEASES_FILE) -> Releases:
    """Read the list.

    Raises:
        ToolError: it is not one.
    """
    try:
        return Releases.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, UsageError, ValidationError) as error:
        raise ToolError(f"{path} is not a list of releases: {error}", remedy="Mend it.") from error


class State(StrEnum):
    """How far a release came."""

    CLEAN = "clean"
    """Converted, checked and tried, and nobody is needed."""
    PERSON = "needs a person"
    """Converted, and there is something to look at."""
    STOPPED = "stopped"
    """Not converted."""
    ABSENT = "not there"
    """The index does not have it."""


class Tried(Row):
    """What came of one release."""

    version: str
    claimed: bool
    reason: str = ""
    """Why it is not claimed."""
    state: State
    released: datetime.date | None = None
    """Day its archive was built."""
    why: str = ""
    """Of what stopped, or is not there."""
    problems: tuple[Place, ...] = ()
    """What sync wants a person to look at."""
    stale: int = 0
    """Patches to look at before the release can be converted."""
    unresolved: int = 0
    """Calls whose target is not known."""
    coroutines: int = 0
    imported: int = 0
    """Modules that import; all of them, but for those that need something optional."""
    smoke: str = ""
    """What the contract's smoke says: how many of how many tests, or why it was not run."""
    smoke_problems: tuple[str, ...] = ()
    seconds: dict[str, float] = Field(default_factory=dict[str, float])
    """Wall clock by stage."""
    survey: Survey | None = None
    """None where it did not come as far as the conversion."""

    @property
    def total_seconds(self) -> float:
        """Wall clock of all stages."""
        return sum(value for name, value in self.seconds.items() if ":" not in name)

    @property
    def others(self) -> int:
        """Places to look at beside stale patches and unresolved calls."""
        return len(self.problems) - self.stale - self.unresolved + len(self.smoke_problems)

    @property
    def to_do(self) -> dict[str, tuple[str, ...]]:
        """What a person would have to look at: the places, `path:line`, by the rule or check that tells of them."""
        found: dict[str, list[str]] = {}
        for place in self.problems:
            found.setdefault(place.rule, []).append(f"{place.path}:{place.line}")
        if self.smoke_problems:
            found["smoke"] = list(self.smoke_problems)
        return {rule: tuple(dict.fromkeys(places)) for rule, places in found.items()}

    @property
    def is_broken_claim(self) -> bool:
        """Whether more is claimed of it than is so."""
        return self.claimed and self.state in {State.PERSON, State.STOPPED}


class Backtest(Row):
    """Everything there is to say of one run."""

    tool: str
    tried: tuple[Tried, ...]
    steps: tuple[Step, ...]
    """Between neighbours that both were converted."""
    notes: tuple[str, ...] = ()

    @property
    def broken_claims(self) -> tuple[Tried, ...]:
        """Releases that are claimed and need a person."""
        return tuple(one for one in self.tried if one.is_broken_claim)


class BacktestError(ToolError):
    """A release that is claimed needs a person."""

    def __init__(self, result: Backtest, folder: Path) -> None:
        broken = result.broken_claims
        lines = [f"  {one.version}: {one.state}{f' ({one.why})' if one.why else ''}" for one in broken]
        super().__init__(
            f"{len(broken)} of {len(result.tried)} releases are not what is claimed:\n" + "\n".join(lines),
            remedy="Mend the rules or patches, or say in codemods/backtest/releases.toml that a release is not "
            f"claimed, and why. The whole report: {folder / 'backtest.html'}",
        )
        self.result = result
