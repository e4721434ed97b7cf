"""Puts the patches of a release into its texts."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

import libcst as cst

from codemods.errors import ToolError
from codemods.kept import Store, digest
from codemods.passes.imports import fix_imports, unused_imports
from codemods.patches.changes import changes_of
from codemods.patches.imports import import_changes, imported, imported_elsewhere, module_of, wanted_imports
from codemods.patches.model import AddPatch, EditPatch, InsertPatch, KeepPatch, LoadedPatch, PatchSet, ReplacePatch
from codemods.patches.review import ReviewedFiles, StaleCheck
from codemods.patches.text import Change, parse_code, rewrite
from codemods.stages import AppliedPatch, Patched
from codemods.symbols import SourceText, Symbol, SymbolError, module_path, split


def apply_patches(
    files: Mapping[str, str],
    patches: PatchSet,
    version: str,
    *,
    reviewed: ReviewedFiles | None = None,
    tolerant: bool = False,
    store: Store | None = None,
) -> Patched:
    """Apply every patch that is for a release.

    Args:
        files: the release's texts by posix path (`dspy/...`).
        patches: all patches.
        version: the release.
        reviewed: gives the files of a release reviewed earlier, to show what upstream changed since.
        tolerant: collect every patch that is stale, in `Patched.stale`, instead of stopping at the first. What fits
            is applied all the same, and what does not is left out.
        store: where what the patches make of a file is kept, for the next run in which file and patches are the same.

    Raises:
        ToolError: a symbol or place that is not there, a match count that is wrong, two patches for the same text,
            a result that does not parse, or upstream code that nobody has reviewed.
    """
    store = store or Store()
    chosen = [patch for patch in patches.patches if patch.applies(version)]
    together = _together(files, chosen)
    keys = {path: _key(version, path, files[path], each) for path, each in together.items()}
    known = {path: found for path, key in keys.items() if (found := store.found(_PatchedFile, key))}
    done = {each.where for path in known for each in together[path]}

    stale = StaleCheck(version, reviewed, tolerant)
    fresh = [loaded for loaded in chosen if loaded.where not in done]
    pairs = [(loaded, symbol) for loaded in fresh for symbol in stale.found(files, loaded)]
    stale.check_reviewed(pairs)
    made = _made(files, pairs, stale)
    patched = known | {path: _patched_file(files[path], path, one) for path, one in _by_file(made).items()}
    for path in patched.keys() - known.keys():
        if not any(each.where in stale.patches for each in together[path]):
            store.put(_PatchedFile, keys[path], patched[path])

    added = [one.loaded for one in made if one.symbol is None]
    texts = {
        **files,
        **{each.symbol: each.code for each in added},
        **{path: each.text for path, each in patched.items()},
    }
    reports = {one.loaded.where: _report(one.loaded, one.changes) for one in made}
    for path, file in known.items():
        reports |= {loaded.where: report for loaded, report in zip(together[path], file.applied, strict=True)}
    return Patched(
        dict(sorted(_without_spare_imports(store, files, texts, patched).items())),
        tuple(reports[each.where] for each in chosen if each.where in reports),
        tuple(sorted({*(each.symbol for each in added), *(name for each in patched.values() for name in each.final)})),
        tuple(stale.patches.values()),
    )


@dataclass(frozen=True)
class _Made:
    """A patch that fits, what it stands for, and what it changes there. An addition stands for nothing."""

    loaded: LoadedPatch
    symbol: Symbol | None
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class _PatchedFile:
    """What its patches make of one file, whatever stands in the others.

    Args:
        text: the file after them.
        applied: what was done, in the order of the patches.
        final: see `Patched.final`.
        spare: whether imports of upstream's are left that nothing in the file uses any more.
    """

    text: str
    applied: tuple[AppliedPatch, ...]
    final: tuple[str, ...]
    spare: bool


def _together(files: Mapping[str, str], chosen: Iterable[LoadedPatch]) -> dict[str, list[LoadedPatch]]:
    """The patches that stand in each file, in their order: without additions, and those whose module is not there."""
    together: dict[str, list[LoadedPatch]] = {}
    for loaded in chosen:
        if not isinstance(loaded.patch, AddPatch):
            with suppress(SymbolError):
                together.setdefault(module_path(files, split(loaded.symbol)[0]), []).append(loaded)
    return together


def _key(version: str, path: str, text: str, patches: Iterable[LoadedPatch]) -> str:
    said = [part for each in patches for part in (each.patch.model_dump_json(), each.code)]
    return digest("patched file", version, path, text, *said)


def _made(
    files: Mapping[str, str], pairs: Iterable[tuple[LoadedPatch, Symbol | None]], stale: StaleCheck
) -> list[_Made]:
    """What each patch makes of its symbol, but for those that do not fit."""
    made: list[_Made] = []
    for loaded, symbol in pairs:
        with stale.misfits(loaded):
            changes: tuple[Change, ...] = ()
            if symbol is None:
                _check_new(files, loaded)
            else:
                changes = tuple(changes_of(loaded, symbol))
                if stale.tolerant:
                    rewrite(symbol.source, list(changes))  # Told of the patch that is at fault.
            made.append(_Made(loaded, symbol, changes))
    return made


def _by_file(made: Iterable[_Made]) -> dict[str, list[_Made]]:
    files: dict[str, list[_Made]] = {}
    for one in made:
        if one.symbol is not None:
            files.setdefault(one.symbol.source.path, []).append(one)
    return files


def _patched_file(before: str, path: str, made: list[_Made]) -> _PatchedFile:
    source = SourceText(path, before)
    imports = wanted_imports((one.loaded, one.symbol) for one in made).get(path, {})
    changes = [change for one in made for change in one.changes]
    text = rewrite(source, [*import_changes(source, imports), *changes])
    return _PatchedFile(
        text,
        tuple(_report(one.loaded, one.changes) for one in made),
        tuple(sorted({name for one in made for name in _final(one)})),
        bool(unused_imports(text) - unused_imports(before)),
    )


def _without_spare_imports(
    store: Store, before: Mapping[str, str], texts: Mapping[str, str], patched: Mapping[str, _PatchedFile]
) -> dict[str, str]:
    """The texts without imports of upstream's that nothing uses since the patches, in this file or elsewhere."""
    result = dict(texts)
    elsewhere = imported_elsewhere(texts)
    for path in [path for path, file in patched.items() if file.spare]:
        # What a patch imports it does on purpose, be it for users alone.
        named = imported(texts[path]) - imported(before[path]) | elsewhere.get(module_of(path), set())
        key = digest("patched imports", texts[path], before[path], named)
        found = store.text(key)
        if found is None:
            found = fix_imports(cst.parse_module(texts[path]), set(), before[path], "", named)
            store.put_text(key, found)
        result[path] = found
    return result


def _final(made: _Made) -> Iterator[str]:
    """What a patch leaves in its final form: see `Patched.final`."""
    loaded, symbol = made.loaded, made.symbol
    if symbol is None:
        return
    module, name = split(loaded.symbol)
    if isinstance(loaded.patch, KeepPatch):
        yield f"{module}:{symbol.owner}{name.rpartition('.')[2]}"
    elif isinstance(loaded.patch, ReplacePatch | InsertPatch):
        for node in parse_code(loaded, loaded.code).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield f"{module}:{symbol.owner}{node.name}"


def _check_new(files: Mapping[str, str], loaded: LoadedPatch) -> None:
    if loaded.symbol in files:
        raise ToolError(
            f"{loaded.where}: upstream has a {loaded.symbol} of its own",
            remedy="Choose another path, or replace upstream's symbols instead of adding a module.",
        )


def _report(loaded: LoadedPatch, made: tuple[Change, ...]) -> AppliedPatch:
    pieces = [change.text.strip() for change in made]
    text = loaded.code if isinstance(loaded.patch, AddPatch) else "\n".join([loaded.patch.imports, *pieces])
    lines = sum(1 for line in text.splitlines() if line.strip())
    matches = len(made) if isinstance(loaded.patch, EditPatch) else 1
    return AppliedPatch(loaded.symbol, loaded.patch.kind, loaded.patch.reason, matches, lines)
