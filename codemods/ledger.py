"""Places that are known to be open: each with its reason, strict both ways.

`open.toml` lists what a sync finds and nobody has settled yet. A place that is not listed fails the sync, and so does
an entry that does not match as often as it says: what was settled must leave the list.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from codemods.errors import ToolError
from codemods.releases import Releases, is_for
from codemods.report import KnownPlace, Place


class Entry(BaseModel):
    """Places of one file that are open for one reason."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    """The file, `dspy/...`. Line numbers move too easily to be part of this."""
    rule: str = "*"
    """The rule or check that finds them; `*` and `?` are wildcards."""
    message: str = "*"
    """The message, with the same wildcards."""
    matches: int = Field(ge=1)
    """How many places it stands for."""
    reason: str = Field(min_length=15)
    releases: Releases = ""

    def covers(self, place: Place) -> bool:
        """Whether it stands for a place."""
        return (
            self.path == place.path and fnmatchcase(place.rule, self.rule) and fnmatchcase(place.message, self.message)
        )

    def applies(self, version: str) -> bool:
        """Whether it is for a release."""
        return is_for(self.releases, version)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    open: tuple[Entry, ...] = ()


@dataclass(frozen=True)
class Ledger:
    """The entries for one release."""

    path: Path
    entries: tuple[Entry, ...]

    def split(self, places: Iterable[Place]) -> tuple[tuple[Place, ...], tuple[KnownPlace, ...]]:
        """Tell what nobody knew of from what is known; the first entry that covers a place stands for it."""
        new: list[Place] = []
        known: list[KnownPlace] = []
        for place in places:
            entry = next((entry for entry in self.entries if entry.covers(place)), None)
            if entry is None:
                new.append(place)
            else:
                known.append(KnownPlace(place=place, reason=entry.reason))
        return tuple(new), tuple(known)

    def stale(self, places: Iterable[Place]) -> tuple[Place, ...]:
        """Entries that do not match as often as they say, as places in the ledger.

        Args:
            places: everything that was found, known or not.
        """
        counts: Counter[int] = Counter()
        for place in places:
            counts.update([next((n for n, entry in enumerate(self.entries) if entry.covers(place)), -1)])
        return tuple(
            Place(
                rule="ledger",
                path=self.path.name,
                line=0,
                message=f"{entry.path} ({entry.rule}: {entry.message}) stands for {entry.matches}, found {counts[n]}",
            )
            for n, entry in enumerate(self.entries)
            if counts[n] != entry.matches
        )


def load_ledger(path: Path, version: str) -> Ledger:
    """The entries of a ledger that are for a release. A missing file is an empty ledger.

    Raises:
        ToolError: the file is not a ledger.
    """
    if not path.is_file():
        return Ledger(path, ())
    try:
        read = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise ToolError(f"{path} is not valid: {error}", remedy="Mend it: see codemods/ledger.py.") from error
    return Ledger(path, tuple(entry for entry in read.open if entry.applies(version)))
