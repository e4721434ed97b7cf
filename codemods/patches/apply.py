"""Puts the patches of a release into its texts."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping

import libcst as cst

from codemods.errors import ToolError
from codemods.passes.imports import fix_imports, unused_imports
from codemods.patches.changes import changes_of
from codemods.patches.imports import import_changes, imported, imported_elsewhere, module_of, wanted_imports
from codemods.patches.model import AddPatch, EditPatch, InsertPatch, KeepPatch, LoadedPatch, PatchSet, ReplacePatch
from codemods.patches.review import ReviewedFiles, StaleCheck
from codemods.patches.text import Change, parse_code, rewrite
from codemods.stages import AppliedPatch, Patched
from codemods.symbols import SourceText, Symbol, split


def apply_patches(
    files: Mapping[str, str],
    patches: PatchSet,
    version: str,
    *,
    reviewed: ReviewedFiles | None = None,
    tolerant: bool = False,
) -> Patched:
    """Apply every patch that is for a release.

    Args:
        files: the release's texts by posix path (`dspy/...`).
        patches: all patches.
        version: the release.
        reviewed: gives the files of a release reviewed earlier, to show what upstream changed since.
        tolerant: collect every patch that is stale, in `Patched.stale`, instead of stopping at the first. What fits
            is applied all the same, and what does not is left out.

    Raises:
        ToolError: a symbol or place that is not there, a match count that is wrong, two patches for the same text,
            a result that does not parse, or upstream code that nobody has reviewed.
    """
    chosen = [patch for patch in patches.patches if patch.applies(version)]
    stale = StaleCheck(version, reviewed, tolerant)
    pairs = [(loaded, symbol) for loaded in chosen for symbol in stale.found(files, loaded)]
    stale.check_reviewed(pairs)
    result = dict(files)
    changes: dict[str, list[Change]] = {}
    applied: list[AppliedPatch] = []
    used: list[tuple[LoadedPatch, Symbol | None]] = []
    for loaded, symbol in pairs:
        made: list[Change] = []
        with stale.misfits(loaded):
            if symbol is None:
                _add(result, files, loaded)
            else:
                made = list(changes_of(loaded, symbol))
                if tolerant:
                    rewrite(symbol.source, made)  # Told of the patch that is at fault.
                changes.setdefault(symbol.source.path, []).extend(made)
            applied.append(_report(loaded, made))
            used.append((loaded, symbol))
    imports = wanted_imports(used)
    for path, made in changes.items():
        source = SourceText(path, files[path])
        result[path] = rewrite(source, [*import_changes(source, imports.get(path, {})), *made])
    elsewhere = imported_elsewhere(result)
    for path in changes:
        if unused_imports(result[path]) - unused_imports(files[path]):
            # What a patch imports it does on purpose, be it for users alone.
            kept = imported(result[path]) - imported(files[path]) | elsewhere.get(module_of(path), set())
            result[path] = fix_imports(cst.parse_module(result[path]), set(), files[path], "", kept)
    return Patched(
        dict(sorted(result.items())), tuple(applied), tuple(sorted(set(_final(used)))), tuple(stale.patches.values())
    )


def _final(pairs: Iterable[tuple[LoadedPatch, Symbol | None]]) -> Iterator[str]:
    for loaded, symbol in pairs:
        if symbol is None:
            yield loaded.symbol
            continue
        module, name = split(loaded.symbol)
        if isinstance(loaded.patch, KeepPatch):
            yield f"{module}:{symbol.owner}{name.rpartition('.')[2]}"
        elif isinstance(loaded.patch, ReplacePatch | InsertPatch):
            for node in parse_code(loaded, loaded.code).body:
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                    yield f"{module}:{symbol.owner}{node.name}"


def _add(result: dict[str, str], files: Mapping[str, str], loaded: LoadedPatch) -> None:
    if loaded.symbol in files:
        raise ToolError(
            f"{loaded.where}: upstream has a {loaded.symbol} of its own",
            remedy="Choose another path, or replace upstream's symbols instead of adding a module.",
        )
    result[loaded.symbol] = loaded.code


def _report(loaded: LoadedPatch, made: list[Change]) -> AppliedPatch:
    pieces = [change.text.strip() for change in made]
    text = loaded.code if isinstance(loaded.patch, AddPatch) else "\n".join([loaded.patch.imports, *pieces])
    lines = sum(1 for line in text.splitlines() if line.strip())
    matches = len(made) if isinstance(loaded.patch, EditPatch) else 1
    return AppliedPatch(loaded.symbol, loaded.patch.kind, loaded.patch.reason, matches, lines)
