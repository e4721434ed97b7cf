"""Writes down that upstream's code behind a patch was reviewed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from packaging.version import Version

from codemods.errors import ToolError
from codemods.patches.footing import find_symbol, footing_of
from codemods.patches.load import load_patches
from codemods.patches.model import AddPatch, LoadedPatch, SymbolPatch


def accept(directory: Path, symbol: str, files: Mapping[str, str], version: str) -> tuple[str, ...]:
    """Record that upstream's code behind a patched symbol was reviewed for a release.

    Rewrites one line of the patch file, the hash for this release, and nothing else.

    Args:
        directory: where the patches are.
        symbol: the patched symbol, as the patch names it.
        files: the release's texts by path.
        version: the release.

    Returns:
        Where the hashes were written, as `file:line` of the patch.

    Raises:
        ToolError: no patch for that symbol and release, no such symbol in the release, or a patch that does not fit:
            nothing is written then.
    """
    loaded_patches = [loaded for loaded in load_patches(directory).patches if loaded.applies(version)]
    hashes: list[tuple[LoadedPatch, str]] = []
    for loaded in loaded_patches:
        found = find_symbol(files, loaded) if loaded.symbol == symbol else None
        if found is not None:
            hashes.append((loaded, footing_of(loaded, found)))
    for loaded, value in hashes:
        _record(directory, loaded, version, value)
    written = tuple(loaded.where for loaded, _ in hashes)
    if not written:
        known = sorted({loaded.symbol for loaded in loaded_patches if not isinstance(loaded.patch, AddPatch)})
        close = difflib.get_close_matches(symbol, known, n=3)
        raise ToolError(
            f"There is no patch for {symbol} in DSPy {version}.",
            remedy=f"Patched symbols like it: {', '.join(close)}." if close else "See patches/ for the symbols.",
        )
    return written


_ENTRY = re.compile(r'\s*["\d]')
"""A line of the table of reviews: its keys are releases."""


def _record(directory: Path, loaded: LoadedPatch, version: str, value: str) -> None:
    path = directory / loaded.file
    lines = path.read_text(encoding="utf-8").splitlines()
    tables = [number for number, line in enumerate(lines) if line.strip() == "[[patch]]"]
    end = tables[loaded.index + 1] if loaded.index + 1 < len(tables) else len(lines)
    while not lines[end - 1].strip() or lines[end - 1].startswith("#"):
        end -= 1  # What stands before the next table belongs to that.
    known = cast("SymbolPatch", loaded.patch).reviewed
    entries = [f'"{each}" = "{value}"' for each, value in sorted({**known, version: value}.items(), key=_release)]
    # It is the last table of a patch, since TOML has no way back to the patch itself. It may be there and be empty.
    heads = [number for number in range(tables[loaded.index], end) if lines[number].strip() == "[patch.reviewed]"]
    if heads:
        others = [line for line in lines[heads[0] + 1 : end] if not _ENTRY.match(line)]
        lines[heads[0] + 1 : end] = [*others, *entries]
    else:
        lines[end:end] = ["", "[patch.reviewed]", *entries]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def _release(entry: tuple[str, str]) -> Version:
    return Version(entry[0])
