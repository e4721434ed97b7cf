"""What a bump has found out so far, a file a stage, so that the next run goes on from there."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from codemods.parity.model import Row

R = TypeVar("R", bound=Row)


class _Kept(BaseModel, Generic[R]):
    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str
    seconds: float
    outcome: R


@dataclass
class Stages:
    """Runs stages, or takes from an earlier run what the same inputs gave.

    Args:
        folder: where the files are.
        inputs: what every stage depends on.
        announce: called with the name of each stage as it starts.
        fresh: whether nothing of an earlier run is used.
    """

    folder: Path
    inputs: str
    announce: Callable[[str], None]
    fresh: bool = False
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    kept: list[str] = field(default_factory=list[str])
    """Names of stages that were not run again."""

    def run(self, name: str, kind: type[R], work: Callable[[], R], *more: str, needs: Path | None = None) -> R:
        """The outcome of a stage.

        Args:
            name: of the stage, and of its file.
            kind: what it gives.
            work: does it.
            more: what it depends on beside what all do.
            needs: a file that the stage writes too, without which its outcome is worth nothing.
        """
        self.announce(name)
        path = self.folder / f"{name}.json"
        key = hashlib.sha256("\0".join((self.inputs, *more)).encode()).hexdigest()
        if not self.fresh and (needs is None or needs.exists()):
            with suppress(OSError, ValidationError):
                found = _Kept[kind].model_validate_json(path.read_bytes())
                if found.key == key:
                    self.kept.append(name)
                    self.seconds[name] = found.seconds
                    return found.outcome
        started = time.perf_counter()
        outcome = work()
        self.seconds[name] = time.perf_counter() - started
        self.folder.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_text(_Kept[kind](key=key, seconds=self.seconds[name], outcome=outcome).model_dump_json(), "utf-8")
        fresh.replace(path)
        return outcome
