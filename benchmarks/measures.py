"""The table of measures, and what came of a run."""

from __future__ import annotations

import statistics
import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

TABLE = Path(__file__).parent / "measures.toml"


class Measure(BaseModel):
    """One row of measures.toml; see there."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    title: str
    unit: str
    judge: Literal["ratio", "value"]
    bar: float = Field(gt=0)
    guard: float | None = Field(default=None, gt=0)


class Figures(BaseModel):
    """What both sides said of one measure, run by run."""

    measure: Measure
    upstream: tuple[float, ...]
    converted: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """The converted side's median by upstream's."""
        return statistics.median(self.converted) / statistics.median(self.upstream)

    @property
    def judged(self) -> float:
        """What is held against the bar."""
        return self.ratio if self.measure.judge == "ratio" else statistics.median(self.converted)

    @property
    def is_met(self) -> bool:
        """Whether the bar is met."""
        return self.judged <= self.measure.bar

    @property
    def is_guarded(self) -> bool:
        """Whether the figure is within what CI lets pass."""
        return self.measure.guard is None or self.judged <= self.measure.guard


class Command(BaseModel):
    """One row `[[command]]` of measures.toml; see there."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    title: str
    unit: str
    bar: float = Field(gt=0)


class Cost(BaseModel):
    """What a command took, run by run."""

    command: Command
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """What is held against the bar."""
        return statistics.median(self.values)

    @property
    def is_met(self) -> bool:
        """Whether the bar is met."""
        return self.median <= self.command.bar


class Growth(BaseModel):
    """How long a tree takes to convert.

    Args:
        tree: its name.
        files: how many there are.
        lines: of Python.
        seconds: of CPU, in one process.
    """

    tree: str
    files: int
    lines: int
    seconds: float


class Results(BaseModel):
    """One session."""

    version: str
    machine: str
    python: str
    libraries: str
    runs: int
    figures: tuple[Figures, ...]
    costs: tuple[Cost, ...] = ()
    growth: tuple[Growth, ...] = ()


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid")
    measure: tuple[Measure, ...]
    command: tuple[Command, ...] = ()


def load_measures(path: Path = TABLE) -> tuple[Measure, ...]:
    """The rows of measures.toml."""
    return _Table.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).measure


def load_commands(path: Path = TABLE) -> tuple[Command, ...]:
    """The commands of measures.toml."""
    return _Table.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).command
