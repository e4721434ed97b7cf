"""What a person must look at: patches that stand on something else than was reviewed."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal, cast

from packaging.version import Version

from codemods.errors import ToolError
from codemods.patches.footing import find_symbol, footing_of
from codemods.patches.model import AddPatch, LoadedPatch, SymbolPatch
from codemods.stages import StalePatch
from codemods.symbols import Symbol, SymbolError, find

ReviewedFiles = Callable[[str], Mapping[str, str] | None]
"""The files of a release that was reviewed earlier, for a diff; None where they cannot be had."""


@dataclass
class StaleCheck:
    """Stops at what a person must look at, or collects it where that is wanted."""

    version: str
    reviewed: ReviewedFiles | None
    tolerant: bool
    patches: dict[str, StalePatch] = field(default_factory=dict[str, StalePatch])
    """By the place of the patch."""

    def found(self, files: Mapping[str, str], loaded: LoadedPatch) -> Iterator[Symbol | None]:
        """The symbol of a patch, None for an addition; nothing where it is gone."""
        try:
            yield find_symbol(files, loaded)
        except ToolError as error:
            self._add(loaded, error, "gone", fits=False)

    @contextmanager
    def misfits(self, loaded: LoadedPatch) -> Generator[None]:
        """A patch that cannot be applied is left out."""
        try:
            yield
        except ToolError as error:
            known = self.patches.get(loaded.where)
            if known is None:
                self._add(loaded, error, "misfit", fits=False)
            else:
                detail = f"{known.detail}\n{error.problem}"
                self.patches[loaded.where] = replace(known, fits=False, detail=detail)

    def check_reviewed(self, pairs: Iterable[tuple[LoadedPatch, Symbol | None]]) -> None:
        """Somebody must have looked at what each patch stands on."""
        unreviewed = [pair for pair in pairs if _is_unreviewed(*pair, self.version)]
        if unreviewed and not self.tolerant:
            raise _unreviewed_error(unreviewed, self.version, self.reviewed)
        for loaded, symbol in unreviewed:
            shown = _show(loaded, cast("Symbol", symbol), self.version, self.reviewed)
            # The first line names the patch, which is known here.
            self._add(loaded, ToolError(shown.partition("\n")[2], remedy=""), "changed", fits=True)

    def _add(
        self, loaded: LoadedPatch, error: ToolError, fault: Literal["gone", "changed", "misfit"], *, fits: bool
    ) -> None:
        if not self.tolerant:
            raise error
        self.patches[loaded.where] = StalePatch(
            symbol=loaded.symbol,
            kind=loaded.patch.kind,
            file=loaded.file,
            line=loaded.line,
            reason=loaded.patch.reason,
            fault=fault,
            fits=fits,
            detail=error.problem,
        )


def _is_unreviewed(loaded: LoadedPatch, symbol: Symbol | None, version: str) -> bool:
    patch = loaded.patch
    if symbol is None or isinstance(patch, AddPatch):
        return False
    try:
        return footing_of(loaded, symbol) not in patch.reviewed.values()
    except ToolError:
        # An edit that has no place here. Where somebody reviewed this very release, the edit changed, and not upstream.
        return version not in patch.reviewed


def _unreviewed_error(
    pairs: Iterable[tuple[LoadedPatch, Symbol | None]], version: str, reviewed: ReviewedFiles | None
) -> ToolError:
    stale: dict[str, tuple[LoadedPatch, Symbol]] = {}
    for loaded, symbol in pairs:
        stale.setdefault(loaded.symbol, (loaded, cast("Symbol", symbol)))
    shown = "\n\n".join(
        "\n".join([_show(loaded, symbol, version, reviewed), *_misfit(loaded, symbol)])
        for loaded, symbol in stale.values()
    )
    commands = "\n".join(f"    dspy-async patches accept {symbol} --upstream {version}" for symbol in stale)
    return ToolError(
        f"Nobody has reviewed what {len(stale)} patched symbol{'s' if len(stale) > 1 else ''} look"
        f"{'' if len(stale) > 1 else 's'} like in DSPy {version}.\n\n{shown}",
        remedy=f"Read upstream's change beside the patch, mend the patch if need be, then accept it:\n{commands}",
    )


def _misfit(loaded: LoadedPatch, symbol: Symbol) -> Iterator[str]:
    try:
        footing_of(loaded, symbol)
    except ToolError as error:
        yield f"It does not fit any more: {error.problem}"


def _show(loaded: LoadedPatch, symbol: Symbol, version: str, reviewed: ReviewedFiles | None) -> str:
    place = f"{loaded.symbol} ({symbol.source.path}:{symbol.line}), patched in {loaded.where}: {loaded.patch.reason}"
    known = cast("SymbolPatch", loaded.patch).reviewed
    if not known:
        return f"{place}\nIt was never reviewed. Upstream's code:\n{textwrap.indent(symbol.text, '    ')}".rstrip()
    release = _nearest(known, version)
    before = _reviewed_text(loaded.symbol, release, reviewed)
    if before is None:
        return (
            f"{place}\nIt was reviewed for {release}, whose source is not at hand. "
            f"Upstream's code in {version}:\n{textwrap.indent(symbol.text, '    ')}"
        ).rstrip()
    diff = difflib.unified_diff(
        before.splitlines(), symbol.text.splitlines(), f"DSPy {release}", f"DSPy {version}", lineterm=""
    )
    return "\n".join([place, *diff])


def _nearest(known: Iterable[str], version: str) -> str:
    """The release that was reviewed last before a release; the first one after it where there is none."""
    ordered = sorted(known, key=Version)
    return next((each for each in reversed(ordered) if Version(each) <= Version(version)), ordered[0])


def _reviewed_text(name: str, release: str, reviewed: ReviewedFiles | None) -> str | None:
    files = reviewed(release) if reviewed else None
    if files is None:
        return None
    try:
        return find(files, name).text
    except SymbolError:
        return None
