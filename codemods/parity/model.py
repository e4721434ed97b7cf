"""What the stages of parity hand to each other."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class Row(BaseModel):
    """What is written to a file or read from one: nothing unknown, nothing changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Side(StrEnum):
    """Which package a test ran on."""

    UPSTREAM = "upstream"
    ASYNC = "async"


class Status(StrEnum):
    """How one test ended."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    """Its set-up or tear-down failed."""
    SKIPPED = "skipped"
    XFAILED = "xfailed"
    """It failed as its author says it does."""
    XPASSED = "xpassed"
    TIMEOUT = "timeout"
    CRASHED = "crashed"
    """It took its process along."""
    UNCOLLECTED = "uncollected"
    """Its file could not be imported."""

    @property
    def is_good(self) -> bool:
        """Whether it counts as passing: what is expected to fail and does so is as its author wants it."""
        return self in {Status.PASSED, Status.XFAILED, Status.XPASSED}

    @property
    def is_bad(self) -> bool:
        """Whether it counts as failing."""
        return not self.is_good and self is not Status.SKIPPED


class Frame(Row):
    """A line of the package or of its tests that an error came through."""

    path: str
    line: int
    function: str


class Failure(Row):
    """Why a test failed."""

    error: str
    """The exception's class."""
    message: str
    frames: tuple[Frame, ...] = ()
    """Outermost first; only those of the package and its tests."""
    text: str = ""
    """The traceback as pytest shows it."""

    @property
    def innermost(self) -> Frame | None:
        """The innermost frame in the package; without one, in the tests."""
        inside = [frame for frame in self.frames if frame.path.startswith("dspy/")]
        return (inside or list(self.frames) or [None])[-1]

    @property
    def headline(self) -> str:
        """The error in a line."""
        first = next((line for line in self.message.splitlines() if line.strip()), "")
        return f"{self.error}: {first.strip()}" if first else self.error


class Outcome(Row):
    """What came of one test on one side."""

    id: str
    status: Status
    seconds: float = 0.0
    reason: str = ""
    """Of a skip or an expected failure."""
    failure: Failure | None = None
    again: tuple[Status, ...] = ()
    """Of the times it was run again, by itself."""

    @property
    def is_flaky(self) -> bool:
        """Whether it ended now this way, now that."""
        return len({status.is_good for status in (self.status, *self.again)}) > 1

    @property
    def is_good(self) -> bool:
        """Whether it passes, by majority where it was run again."""
        runs = (self.status, *self.again)
        return 2 * sum(status.is_good for status in runs) > len(runs)


class SideRun(Row):
    """What came of a suite on one side."""

    side: Side
    python: str
    seconds: float
    """Wall clock of the first run over the whole suite."""
    outcomes: dict[str, Outcome]
    """By id, sorted. The id of a file that could not be imported is its path."""
    blocked: dict[str, tuple[str, ...]] = {}
    """By test: places that block the event loop, `path:line: call`; empty unless they were watched for."""
    reached: tuple[str, ...] | None = None
    """Coroutines of the package that were awaited, `path::qualified name`, sorted; None unless that was asked for."""
    notes: tuple[str, ...] = ()


class Verdict(StrEnum):
    """How a test compares."""

    PASSES_BOTH = "passes both"
    FAILS_BOTH = "fails both"
    UPSTREAM_ONLY = "upstream only"
    ASYNC_ONLY = "async only"
    LOST = "lost"
    """Not collected, skipped on one side only, or with fewer assertions."""
    ADDED = "added"
    """Only there on the async side: the other half of a renamed test."""
    SKIPPED = "skipped"


class Compared(Row):
    """One test on both sides."""

    id: str
    verdict: Verdict
    why: str = ""
    """Of what is lost or skipped."""
    upstream: Outcome | None = None
    converted: Outcome | None = None

    @property
    def is_flaky(self) -> bool:
        """Whether it changed from run to run on either side."""
        return any(side is not None and side.is_flaky for side in (self.upstream, self.converted))


class Cause(Row):
    """Failures with one cause: the same error at the same place of the package."""

    place: str
    """`path:line in function`, or what to look at where no frame is known."""
    error: str
    """The error in a line, of the first of them."""
    ids: tuple[str, ...] = Field(min_length=1)
