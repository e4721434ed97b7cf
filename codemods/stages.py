"""What the stages of a sync hand on: plain data, which costs nothing to import and can be kept between runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class AppliedPatch:
    """One patch as the report shows it.

    Args:
        symbol: the upstream symbol, or the path of an added module.
        kind: edit, replace, insert, remove, keep or add.
        reason: why it is there.
        matches: places changed.
        lines: lines of our own code it brings.
    """

    symbol: str
    kind: str
    reason: str
    matches: int
    lines: int


@dataclass(frozen=True)
class StalePatch:
    """A patch that a person must look at before it is used on a release.

    Args:
        symbol: the upstream symbol, or the path of an added module.
        kind: of the patch, as in `AppliedPatch`.
        file: the patch file's name.
        line: of the patch in its file.
        reason: why the patch is there.
        fault: `gone` where upstream has the symbol no more, `changed` where nobody has reviewed what it looks like,
            `misfit` where it was reviewed and the patch does not go onto it.
        fits: whether the patch can be applied to what is there. It was then, for a look at the outcome.
        detail: upstream's change as a diff, where the reviewed release is at hand, or why the patch does not fit.
    """

    symbol: str
    kind: str
    file: str
    line: int
    reason: str
    fault: Literal["gone", "changed", "misfit"]
    fits: bool
    detail: str = field(repr=False)


@dataclass(frozen=True)
class Patched:
    """The release's texts after the patches, and what was done.

    Args:
        files: all texts by posix path.
        applied: what was done, in the order of the patches.
        final: what is our own code from beginning to end, and in its final form: the paths of added modules, and the
            symbols of functions and classes that replace upstream's, are inserted, or stay as they are.
        stale: what a person must look at; empty but for a tolerant run, since it is an error otherwise.
    """

    files: dict[str, str]
    applied: tuple[AppliedPatch, ...]
    final: tuple[str, ...] = ()
    stale: tuple[StalePatch, ...] = ()


@dataclass(frozen=True)
class Finding:
    """Something a person must look at. ``line`` counts from 1."""

    rule: str
    path: str
    line: int
    message: str


@dataclass(frozen=True)
class Twin:
    """One pair: ``verdict`` is ``equal``, ``async body``, or ``sync body`` where the async one only delegates."""

    path: str
    scope: str
    name: str
    async_name: str
    line: int
    async_line: int
    verdict: str
    renames: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class FileCounts:
    """What stands in one generated file."""

    functions: int
    coroutines: int
    settings: int
    awaits: int


@dataclass(frozen=True)
class RuleUse:
    """How often a rule matched, beside what it declares to expect (``any``, ``some`` or a number)."""

    rule: str
    expected: str
    matches: int


@dataclass(frozen=True)
class Conversion:
    """The generated text of every file by posix path, with what a maintainer wants to know of it."""

    files: dict[str, str]
    counts: dict[str, FileCounts]
    unresolved: tuple[Finding, ...]
    findings: tuple[Finding, ...]
    rules: tuple[RuleUse, ...]
    twins: tuple[Twin, ...]
    seconds: dict[str, float]
