"""What of upstream's code a patch stands on, as a hash."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

from codemods.errors import ToolError
from codemods.patches.changes import changes_of, keeps_decorators
from codemods.patches.edits import Editor
from codemods.patches.model import (
    AddPatch,
    EditPatch,
    InsertPatch,
    LoadedPatch,
    Patch,
    PatchSet,
    RemovePatch,
    ReplacePatch,
)
from codemods.patches.surroundings import Surroundings
from codemods.patches.text import parse_code, rewrite
from codemods.symbols import Definition, Symbol, SymbolError, dump, find, is_docstring, undecorated

Part = Literal["places", "header", "whole"]
"""What of a symbol counts: of an edit its places and what gives them their meaning (see
:mod:`codemods.patches.surroundings`), of an insertion the first line of what it stands beside, of a removal that of
what goes, since what it does is not wanted, and of everything else all of it; of a class that is replaced not the
members that it keeps of upstream's, which change with it."""


def find_symbol(files: Mapping[str, str], loaded: LoadedPatch) -> Symbol | None:
    """The symbol a patch is written against; None for an addition. Raises ToolError: it is not there."""
    if isinstance(loaded.patch, AddPatch):
        return None
    try:
        return find(files, loaded.symbol)
    except SymbolError as error:
        raise ToolError(
            f"{loaded.where}: the patch for {loaded.symbol} has nothing to stand on: {error}",
            remedy="See where upstream's code went; narrow the patch's `releases`, rename its symbol, or delete it.",
        ) from error


def footing_of(loaded: LoadedPatch, symbol: Symbol) -> str:
    """A hash, in hex, of what a patch depends on in its symbol: see `Part`.

    Raises:
        ToolError: an edit has no such place, or not as many as it expects.
    """
    patch = loaded.patch
    if isinstance(patch, EditPatch):
        return _edits_footing(loaded, patch, symbol)
    is_definition = isinstance(symbol.node, Definition)
    if isinstance(symbol.node, Definition) and keeps_decorators(patch):
        symbol = replace(symbol, node=undecorated(symbol.node))
    if isinstance(patch, ReplacePatch) and isinstance(symbol.node, ast.ClassDef):
        return _class_footing(patch, symbol.node)
    if part_of(patch) == "whole":
        return symbol.fingerprint()
    # The header of an assignment or a module would be nothing: it is what it says itself that counts.
    return symbol.fingerprint("header" if is_definition else "own")


def part_of(patch: Patch) -> Part:
    """What of its symbol a patch depends on."""
    if isinstance(patch, EditPatch):
        return "places"
    return "header" if isinstance(patch, InsertPatch | RemovePatch) else "whole"


def _class_footing(patch: ReplacePatch, upstream: ast.ClassDef) -> str:
    """What counts of a class that is replaced: all of it, but for members that stay as they are."""
    members = [each for each in upstream.body if not isinstance(each, Definition) or each.name not in patch.keep]
    says = [dump(upstream, "header"), *(dump(each) for each in members if not is_docstring(each))]
    return hashlib.sha256("\n".join(says).encode()).hexdigest()


def _edits_footing(loaded: LoadedPatch, patch: EditPatch, symbol: Symbol) -> str:
    around = Surroundings(symbol, parse_code(loaded, patch.imports))
    editor = Editor(loaded, symbol)
    says: list[str] = []
    for edit in patch.edit:
        replacement = parse_code(loaded, edit.replace)
        for match in editor.matches(edit):
            says += ["---", *around.of(match, replacement)]
    return hashlib.sha256("\n".join(says).encode()).hexdigest()


@dataclass(frozen=True)
class Footing:
    """What a patch stands on in one release.

    Args:
        symbol: the upstream symbol.
        file: the patch file's name.
        index: its place among the file's patches, from 0.
        scope: how much of the symbol counts, as in `Part`: two patches of one symbol may ask for different parts.
        applies: whether the patch is for the release.
        fingerprint: of that part, in hex; of the whole symbol where the patch does not fit it; None where the release
            has no such symbol.
        fits: whether the patch can be applied there.
    """

    symbol: str
    file: str
    index: int
    scope: str
    applies: bool
    fingerprint: str | None
    fits: bool


def footings(files: Mapping[str, str], patches: PatchSet, version: str) -> tuple[Footing, ...]:
    """What each patch stands on in a release, be it for that release or not; additions stand on nothing.

    Two releases in which a patch has the same footing need no look at it.
    """
    found: list[Footing] = []
    for loaded in patches.patches:
        patch = loaded.patch
        if isinstance(patch, AddPatch):
            continue
        fingerprint, fits = None, False
        with suppress(SymbolError, ToolError):
            symbol = find(files, loaded.symbol)
            fingerprint = symbol.fingerprint()
            fingerprint = footing_of(loaded, symbol)
            rewrite(symbol.source, list(changes_of(loaded, symbol)))
            fits = True
        applies = loaded.applies(version)
        found.append(Footing(loaded.symbol, loaded.file, loaded.index, part_of(patch), applies, fingerprint, fits))
    return tuple(found)
