"""What no rule can express: edits, replacements and additions by qualified name, each with its reason.

Patches are data: `patches/<area>.toml`, code of more than a few lines in `.py` files beside it, new modules in
`patches/additions/`. They apply to upstream's text, before anything else looks at it, and every one of them names
the upstream code it was written against by a hash per reviewed release (:func:`codemods.symbols.dump`: formatting,
comments and docstrings do not count). Where upstream changed that code, the run stops and shows the change.

All places are looked up in upstream's own text, so the order of patches does not matter; two that touch the same
text are an error. Imports that only patched code used go by themselves.
"""

from __future__ import annotations

import ast
import copy
import difflib
import itertools
import re
import sys
import textwrap
import tomllib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import libcst as cst
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from codemods.errors import ToolError
from codemods.passes.imports import fix_imports, unused_imports
from codemods.stages import AppliedPatch, Patched, StalePatch
from codemods.symbols import Scope, SourceText, Symbol, SymbolError, blocks, body_of, dump, find, is_docstring, split
from codemods.syntax import parsed

PYTHON = (3, 10)
"""The oldest grammar that what patches write must be valid in."""

ReviewedFiles = Callable[[str], Mapping[str, str] | None]
"""The files of a release that was reviewed earlier, for a diff; None where they cannot be had."""

_ADDITIONS = "additions"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Patch(_Model):
    """What is said of every patch.

    Args:
        reason: why it is there.
        releases: which releases it is for, as a version specifier.
        tests: what fails without it: ids of tests as pytest has them, from the repository's root.
    """

    reason: str = Field(min_length=15)
    releases: str
    tests: tuple[Annotated[str, Field(pattern=r"^[\w/]+\.py(::\w+)+(\[.+\])?$")], ...] = ()

    @field_validator("releases")
    @classmethod
    def _specifier(cls, value: str) -> str:
        try:
            SpecifierSet(value)
        except InvalidSpecifier as error:
            raise ValueError(f"{value!r} is not a version specifier such as '>=3.2,<4'") from error
        return value


class _SymbolPatch(_Patch):
    """A patch of upstream's code.

    Args:
        symbol: what it is written against.
        imports: import lines that its code needs, one statement each; they go behind the module's own.
        reviewed: the symbol's hash per release that somebody has looked at.
    """

    symbol: str
    imports: str = ""
    reviewed: dict[str, str] = {}

    @field_validator("symbol")
    @classmethod
    def _symbol(cls, value: str) -> str:
        split(value)
        return value


class Edit(_Model):
    """One place within a symbol and what stands there instead.

    Args:
        find: statements in a row, one expression, or a compound statement whose body is `...`: its first line.
        replace: the same kind of code; empty deletes.
        expect: how often it is there.
        comments: whether the comment lines directly above go too.
    """

    find: str
    replace: str = ""
    expect: int = Field(default=1, ge=1)
    comments: bool = False

    @field_validator("find", "replace")
    @classmethod
    def _code(cls, value: str) -> str:
        try:
            ast.parse(textwrap.dedent(value), feature_version=PYTHON)
        except SyntaxError as error:
            raise ValueError(f"not valid Python: {error.msg} in line {error.lineno}") from error
        return value


class EditPatch(_SymbolPatch):
    kind: Literal["edit"]
    edit: tuple[Edit, ...]


class _CodePatch(_SymbolPatch):
    """A patch that brings code.

    Args:
        code: the code.
        file: the file beside that holds it, for more than a few lines, or for several releases.
        names: what this release calls otherwise than the code does, expression by expression: the code is shared by
            patches for several releases.
    """

    code: str = ""
    file: str | None = None
    names: dict[str, str] = {}

    @model_validator(mode="after")
    def _one_source(self) -> _CodePatch:
        if bool(self.code.strip()) == bool(self.file):
            raise ValueError("code stands either in `code` or in the file that `file` names")
        return self


class ReplacePatch(_CodePatch):
    """Code instead of upstream's.

    Args:
        decorators: whose decorators it has: those of its code, or upstream's, which are then no part of the review.
    """

    kind: Literal["replace"]
    decorators: Literal["own", "upstream"] = "own"


class InsertPatch(_CodePatch):
    kind: Literal["insert"]
    position: Literal["before", "after"]


class RemovePatch(_SymbolPatch):
    kind: Literal["remove"]


class KeepPatch(_SymbolPatch):
    """Upstream's code stays as it is, whatever the rules would make of it."""

    kind: Literal["keep"]


class AddPatch(_Patch):
    kind: Literal["add"]
    path: str


Patch = EditPatch | ReplacePatch | InsertPatch | RemovePatch | KeepPatch | AddPatch


class _PatchFile(_Model):
    patch: tuple[Annotated[Patch, Field(discriminator="kind")], ...]


@dataclass(frozen=True)
class LoadedPatch:
    """A patch, the place it is written down, and its code, read.

    Args:
        file: the patch file's name.
        index: its place among the file's patches, from 0.
        line: its line in the file.
        patch: the patch.
        code: the code it brings.
    """

    file: str
    index: int
    line: int
    patch: Patch
    code: str = field(default="", repr=False)

    @property
    def where(self) -> str:
        """The place it is written down, as `file:line`."""
        return f"{self.file}:{self.line}"

    @property
    def symbol(self) -> str:
        """The symbol it stands for, or the path of the module it adds."""
        return self.patch.path if isinstance(self.patch, AddPatch) else self.patch.symbol

    def applies(self, version: str) -> bool:
        """Whether it is for a release."""
        return SpecifierSet(self.patch.releases).contains(version, prereleases=True)


@dataclass(frozen=True)
class PatchSet:
    """All patches of a directory, in the order of file names and places in them."""

    patches: tuple[LoadedPatch, ...]


@dataclass(frozen=True)
class _Change:
    start: int
    end: int
    text: str
    where: str


# --- loading -----------------------------------------------------------------------------------------------------


def load_patches(directory: Path) -> PatchSet:
    """Read every patch of a directory.

    Raises:
        ToolError: a file that is not valid, code that is missing, or code that no patch names.
    """
    loaded: list[LoadedPatch] = []
    used: set[Path] = set()
    for path in sorted(directory.glob("*.toml")):
        for index, (line, patch) in enumerate(_read_patch_file(path)):
            source = _code_path(directory, patch)
            if source is not None:
                used.add(source)
            code = _read_code(f"{path.name}:{line}", patch, source)
            loaded.append(LoadedPatch(path.name, index, line, patch, code))
    spare = sorted(path.relative_to(directory).as_posix() for path in _code_files(directory) - used)
    if spare:
        raise ToolError(
            f"No patch names this code: {', '.join(spare)}",
            remedy='Name it in a patch (`file`, or `kind = "add"` with its `path`), or delete it.',
        )
    return PatchSet(tuple(loaded))


def _read_patch_file(path: Path) -> list[tuple[int, Patch]]:
    text = path.read_text(encoding="utf-8")
    lines = [number for number, line in enumerate(text.splitlines(), 1) if line.strip() == "[[patch]]"]
    try:
        patches = _PatchFile.model_validate(tomllib.loads(text)).patch
    except tomllib.TOMLDecodeError as error:
        raise ToolError(f"{path.name} is not valid TOML: {error}", remedy="Mend the patch file.") from error
    except ValidationError as error:
        raise ToolError(_invalid(path.name, lines, error), remedy="Mend the patch file.") from error
    return list(zip(lines, patches, strict=True))


def _invalid(name: str, lines: list[int], error: ValidationError) -> str:
    problems: list[str] = []
    for problem in error.errors(include_url=False):
        place = problem["loc"]
        index = place[1] if len(place) > 1 and isinstance(place[1], int) else None
        line = f":{lines[index]}" if index is not None and index < len(lines) else ""
        keys = ".".join(str(part) for part in (place if index is None else place[2:]))
        problems.append(f"{name}{line}: {keys or 'patch'}: {problem['msg']}")
    return "\n".join(problems)


def _code_path(directory: Path, patch: Patch) -> Path | None:
    if isinstance(patch, AddPatch):
        return directory / _ADDITIONS / patch.path
    if isinstance(patch, ReplacePatch | InsertPatch) and patch.file:
        return directory / patch.file
    return None


def _code_files(directory: Path) -> set[Path]:
    beside = set(directory.glob("*.py"))
    added = {path for path in (directory / _ADDITIONS).rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    return beside | added


def _read_code(where: str, patch: Patch, source: Path | None) -> str:
    if source is None:
        return _renamed(where, patch, textwrap.dedent(patch.code)) if isinstance(patch, _CodePatch) else ""
    if not source.is_file():
        raise ToolError(f"{where}: there is no file {source.name} ({source})", remedy="Write it, or mend its name.")
    text = source.read_text(encoding="utf-8")
    if isinstance(patch, AddPatch):
        return text
    return _renamed(where, patch, _from_marker(text))


def _renamed(where: str, patch: Patch, code: str) -> str:
    """The code of a patch with what its release calls otherwise."""
    for old, new in patch.names.items() if isinstance(patch, _CodePatch) else ():
        pattern = re.compile(rf"(?<![\w.]){re.escape(old)}(?!\w)")
        code, count = pattern.subn(lambda _, new=new: new, code)
        if not count:
            raise ToolError(f"{where}: there is no {old} in its code", remedy="Take it out of `names`.")
    return code


def _from_marker(text: str) -> str:
    # A code file may begin with the imports its code finds in upstream's module, for readers and checkers; what goes
    # into the module begins behind the marker.
    _, marker, code = text.partition("# --- patch ---\n")
    return (code if marker else text).strip("\n") + "\n"


# --- applying ----------------------------------------------------------------------------------------------------


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
    stale = _Stale(version, reviewed, tolerant)
    pairs = [(loaded, symbol) for loaded in chosen for symbol in stale.found(files, loaded)]
    stale.check_reviewed(pairs)
    result = dict(files)
    changes: dict[str, list[_Change]] = {}
    applied: list[AppliedPatch] = []
    used: list[tuple[LoadedPatch, Symbol | None]] = []
    for loaded, symbol in pairs:
        made: list[_Change] = []
        with stale.misfits(loaded):
            if symbol is None:
                _add(result, files, loaded)
            else:
                made = list(_changes(loaded, symbol))
                if tolerant:
                    _rewrite(symbol.source, made)  # Told of the patch that is at fault.
                changes.setdefault(symbol.source.path, []).extend(made)
            applied.append(_report(loaded, made))
            used.append((loaded, symbol))
    imports = _imports(used)
    for path, made in changes.items():
        source = SourceText(path, files[path])
        result[path] = _rewrite(source, [*_import_changes(source, imports.get(path, {})), *made])
    elsewhere = _imported_elsewhere(result)
    for path in changes:
        if unused_imports(result[path]) - unused_imports(files[path]):
            # What a patch imports it does on purpose, be it for users alone.
            kept = _imported(result[path]) - _imported(files[path]) | elsewhere.get(_module_of(path), set())
            result[path] = fix_imports(cst.parse_module(result[path]), set(), files[path], "", kept)
    return Patched(
        dict(sorted(result.items())), tuple(applied), tuple(sorted(set(_final(used)))), tuple(stale.patches.values())
    )


@dataclass
class _Stale:
    """Stops at what a person must look at, or collects it where that is wanted."""

    version: str
    reviewed: ReviewedFiles | None
    tolerant: bool
    patches: dict[str, StalePatch] = field(default_factory=dict[str, StalePatch])
    """By the place of the patch."""

    def found(self, files: Mapping[str, str], loaded: LoadedPatch) -> Iterator[Symbol | None]:
        """The symbol of a patch, None for an addition; nothing where it is gone."""
        try:
            yield _find_symbol(files, loaded)
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
        unreviewed = [pair for pair in pairs if _is_unreviewed(*pair)]
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


def _module_of(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _imported(text: str) -> set[str]:
    """The names that a module imports, in whatever scope."""
    imports = [node for node in ast.walk(parsed(text)) if isinstance(node, ast.Import | ast.ImportFrom)]
    return {alias.asname or alias.name.partition(".")[0] for node in imports for alias in node.names}


def _imported_elsewhere(files: Mapping[str, str]) -> dict[str, set[str]]:
    """The names that other modules import from a module, by its name."""
    found: dict[str, set[str]] = {}
    for path, text in files.items():
        owner = _module_of(path).split(".") + ["__init__"] * path.endswith("/__init__.py")
        for node in ast.walk(parsed(text)) if path.endswith(".py") else ():
            if isinstance(node, ast.ImportFrom):
                base = owner[: -node.level] if node.level else []
                module = ".".join([*base, *([node.module] if node.module else [])])
                found.setdefault(module, set()).update(alias.name for alias in node.names)
    return found


def _final(pairs: Iterable[tuple[LoadedPatch, Symbol | None]]) -> Iterator[str]:
    for loaded, symbol in pairs:
        if symbol is None:
            yield loaded.symbol
            continue
        module, name = split(loaded.symbol)
        if isinstance(loaded.patch, KeepPatch):
            yield f"{module}:{symbol.owner}{name.rpartition('.')[2]}"
        elif isinstance(loaded.patch, ReplacePatch | InsertPatch):
            for node in _parse(loaded, loaded.code).body:
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                    yield f"{module}:{symbol.owner}{node.name}"


def _find_symbol(files: Mapping[str, str], loaded: LoadedPatch) -> Symbol | None:
    if isinstance(loaded.patch, AddPatch):
        return None
    try:
        return find(files, loaded.symbol)
    except SymbolError as error:
        raise ToolError(
            f"{loaded.where}: the patch for {loaded.symbol} has nothing to stand on: {error}",
            remedy="See where upstream's code went; narrow the patch's `releases`, rename its symbol, or delete it.",
        ) from error


def _add(result: dict[str, str], files: Mapping[str, str], loaded: LoadedPatch) -> None:
    if loaded.symbol in files:
        raise ToolError(
            f"{loaded.where}: upstream has a {loaded.symbol} of its own",
            remedy="Choose another path, or replace upstream's symbols instead of adding a module.",
        )
    result[loaded.symbol] = loaded.code


def _report(loaded: LoadedPatch, made: list[_Change]) -> AppliedPatch:
    pieces = [change.text.strip() for change in made]
    text = loaded.code if isinstance(loaded.patch, AddPatch) else "\n".join([loaded.patch.imports, *pieces])
    lines = sum(1 for line in text.splitlines() if line.strip())
    matches = len(made) if isinstance(loaded.patch, EditPatch) else 1
    return AppliedPatch(loaded.symbol, loaded.patch.kind, loaded.patch.reason, matches, lines)


def _changes(loaded: LoadedPatch, symbol: Symbol) -> Iterator[_Change]:
    patch = loaded.patch
    if isinstance(patch, EditPatch):
        for edit in patch.edit:
            yield from _Editor(loaded, symbol).edit(edit)
    elif isinstance(patch, InsertPatch):
        yield _insertion(loaded, symbol, patch.position)
    elif isinstance(patch, ReplacePatch):
        yield _replacement(loaded, symbol)
    elif isinstance(patch, RemovePatch):
        yield _deletion(loaded, symbol.source, [_statement(loaded, symbol)], symbol.siblings, comments=True)


def _imports(pairs: Iterable[tuple[LoadedPatch, Symbol | None]]) -> dict[str, dict[str, str]]:
    """The imports that patches add to a file: each once, with the first patch that wants it."""
    wanted: dict[str, dict[str, str]] = {}
    for loaded, symbol in pairs:
        if symbol is not None and not isinstance(loaded.patch, AddPatch):
            for line in loaded.patch.imports.split("\n"):
                if not line.strip():
                    continue
                wanted.setdefault(symbol.source.path, {}).setdefault(line, loaded.where)
    return {path: _joined(lines) for path, lines in wanted.items()}


def _joined(lines: Mapping[str, str]) -> dict[str, str]:
    """Import lines, with what several of them want of one module in one."""
    by_module: dict[str, dict[str, str]] = {}
    for line, where in lines.items():
        statement = ast.parse(line).body[0]
        base = f"{'.' * statement.level}{statement.module}" if isinstance(statement, ast.ImportFrom) else line
        by_module.setdefault(base, {})[line] = where
    joined: dict[str, str] = {}
    for base, same in by_module.items():
        if len(same) > 1:
            names = {name.strip() for line in same for name in line.partition(" import ")[2].split(",")}
            same = {f"from {base} import {', '.join(sorted(names))}": next(iter(same.values()))}
        joined |= same
    return joined


def _import_changes(source: SourceText, lines: Mapping[str, str]) -> list[_Change]:
    present = set(source.text.splitlines())
    changes: list[_Change] = []
    opened: set[int] = set()
    for line in sorted(lines, key=lambda line: _import_order(source, ast.parse(line).body[0])):
        if line not in present:
            offset, gap = _import_place(source, line)
            text = f"\n{line}\n" if gap and offset not in opened else f"{line}\n"
            opened.add(offset)
            changes.append(_Change(offset, offset, text, lines[line]))
    return changes


def _rewrite(source: SourceText, changes: list[_Change]) -> str:
    # Stable: insertions at one place keep the order of the patches.
    ordered = sorted(changes, key=lambda change: (change.start, change.end))
    for before, after in itertools.pairwise(ordered):
        if before.end > after.start:
            line = source.line_of(after.start)
            raise ToolError(
                f"{before.where} and {after.where} both change {source.path}:{line}",
                remedy="Make them one patch, or let one of them name less.",
            )
    pieces: list[str] = []
    position = 0
    for change in ordered:
        pieces += [source.text[position : change.start], change.text]
        position = change.end
    text = "".join([*pieces, source.text[position:]])
    if not source.text.endswith("\n\n"):
        text = text.rstrip("\n") + "\n"
    try:
        ast.parse(text, filename=source.path, feature_version=PYTHON)
    except SyntaxError as error:
        places = ", ".join(sorted({change.where for change in changes}))
        line = f"{error.text or ''}".strip()
        raise ToolError(
            f"{source.path}:{error.lineno} does not parse after its patches ({places}): {error.msg}: {line}",
            remedy="Mend the patch's code.",
        ) from error
    return text


def _statement(loaded: LoadedPatch, symbol: Symbol) -> ast.stmt:
    if isinstance(symbol.node, ast.Module):
        raise ToolError(
            f"{loaded.where}: {loaded.symbol} is a module; a {loaded.patch.kind} wants a symbol in it",
            remedy="Name the symbol, or use `edit`.",
        )
    return symbol.node


def _replacement(loaded: LoadedPatch, symbol: Symbol) -> _Change:
    node, source = _statement(loaded, symbol), symbol.source
    start = source.keyword_start(node) if _keeps_decorators(loaded.patch) else source.start(node)
    name = loaded.symbol.rpartition(":")[2].rpartition(".")[2]
    if name not in _defined(_parse(loaded, loaded.code)):
        raise ToolError(f"{loaded.where}: the code for {loaded.symbol} defines no {name}", remedy="Mend the patch.")
    return _Change(start, source.end(node), reindent(loaded.code, _indent(source, start)).strip(), loaded.where)


def _keeps_decorators(patch: Patch) -> bool:
    return isinstance(patch, ReplacePatch) and patch.decorators == "upstream"


def _defined(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


def _insertion(loaded: LoadedPatch, symbol: Symbol, position: Literal["before", "after"]) -> _Change:
    node, source = _statement(loaded, symbol), symbol.source
    start, end = source.start(node), source.line_end(source.end(node))
    indent = _indent(source, start)
    code = reindent(loaded.code.strip("\n") + "\n", indent)
    written = _parse(loaded, loaded.code).body
    defines = any(isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) for n in (node, *written))
    gap = ("\n" if indent else "\n\n") if defines else ""
    if position == "after":
        return _Change(end, end, gap + code, loaded.where)
    begin = source.line_start(start)
    return _Change(begin, begin, code + gap, loaded.where)


def _import_place(source: SourceText, line: str) -> tuple[int, bool]:
    """The place for one more import among the module's first ones, in isort's order; whether it begins a group."""
    order = _import_order(source, ast.parse(line).body[0])
    leading = itertools.takewhile(
        lambda node: isinstance(node, ast.Import | ast.ImportFrom),
        itertools.dropwhile(is_docstring, source.tree.body),
    )
    nodes = list(leading)
    before = list(itertools.takewhile(lambda node: _import_order(source, node) <= order, nodes))
    after = nodes[len(before)] if len(before) < len(nodes) else None
    if after is not None and (not before or _import_order(source, after)[0] == order[0]):
        return source.start(after), False
    if not before:
        return 0, False
    return source.line_end(source.end(before[-1])), _import_order(source, before[-1])[0] != order[0]


def _import_order(source: SourceText, node: ast.stmt) -> tuple[int, bool, str]:
    """Future statements, the standard library, other packages, the package itself; `import` before `from`."""
    package = source.path.partition("/")[0]
    if isinstance(node, ast.ImportFrom):
        name = f"{package}.{node.module}" if node.level else node.module or ""
    else:
        name = cast("ast.Import", node).names[0].name
    top = name.partition(".")[0]
    kind = 3 if top == package else 0 if top == "__future__" else 1 if top in sys.stdlib_module_names else 2
    return kind, isinstance(node, ast.ImportFrom), name.lower()


def _indent(source: SourceText, offset: int) -> str:
    before = source.text[source.line_start(offset) : offset]
    return before[: len(before) - len(before.lstrip())]


def _alone(source: SourceText, start: int, end: int) -> bool:
    after = source.text[end : source.line_end(end)].strip()
    return not source.text[source.line_start(start) : start].strip() and (not after or after.startswith("#"))


def _deletion(
    loaded: LoadedPatch, source: SourceText, nodes: list[ast.stmt], siblings: Iterable[ast.stmt], *, comments: bool
) -> _Change:
    start, end = source.start(nodes[0]), source.end(nodes[-1])
    if not _alone(source, start, end):
        raise ToolError(
            f"{loaded.where}: {source.path}:{source.line_of(start)} shares its line with other code",
            remedy="Replace the whole line's statement instead of deleting a part.",
        )
    if len(list(siblings)) == len(nodes) and _indent(source, start):
        return _Change(start, end, "pass", loaded.where)
    start = source.line_start(start)
    while comments and (above := _line_above(source, start)).lstrip().startswith("#"):
        start -= len(above)
    return _Change(start, _blank_end(source, start, source.line_end(end)), "", loaded.where)


def _line_above(source: SourceText, start: int) -> str:
    return source.text[source.line_start(start - 1) : start] if start else ""


def _blank_end(source: SourceText, start: int, end: int) -> int:
    """Take blank lines behind a deleted piece along: all at a block's start, else as many as there are before it."""
    above = _line_above(source, start)
    opens = above.strip().endswith((":", '"""'))
    while end < len(source.text) and not source.text[end : source.line_end(end)].strip():
        if not opens:
            if not above or above.strip():
                break
            start -= len(above)
            above = _line_above(source, start)
        end = source.line_end(end)
    return end


def _parse(loaded: LoadedPatch, code: str) -> ast.Module:
    try:
        return ast.parse(textwrap.dedent(code), feature_version=PYTHON)
    except SyntaxError as error:
        shown = code.strip().splitlines()[0] if code.strip() else ""
        raise ToolError(
            f"{loaded.where}: code of the patch for {loaded.symbol} is not valid: {error.msg} (in {shown!r})",
            remedy="Mend the patch.",
        ) from error


def reindent(code: str, indent: str) -> str:
    """Move code to an indentation; lines within strings that are not docstrings stay as they are."""
    code = textwrap.dedent(code)
    lines = code.splitlines(keepends=True)
    fixed = _lines_within_strings(code)
    return "".join(
        line if number in fixed or not line.strip() else indent + line for number, line in enumerate(lines, start=1)
    )


def _lines_within_strings(code: str) -> set[int]:
    tree = ast.parse(code)
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    fixed: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in documentation:
            is_text = isinstance(node, ast.JoinedStr) or isinstance(node.value, str | bytes)
            fixed |= set(range(node.lineno + 1, (node.end_lineno or node.lineno) + 1)) if is_text else set()
    return fixed


# --- edits -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Editor:
    loaded: LoadedPatch
    symbol: Symbol

    @property
    def _source(self) -> SourceText:
        return self.symbol.source

    def edit(self, edit: Edit) -> list[_Change]:
        """The changes one edit makes. Raises ToolError: not there, or not as often as expected."""
        pattern = _parse(self.loaded, edit.find).body
        if not pattern:
            raise self._error("has an empty `find`", "Say what to find.")
        if len(pattern) == 1 and isinstance(pattern[0], ast.Expr):
            changes = [self._expression(node, owner, edit) for node, owner in self._expressions(pattern[0].value)]
        elif len(pattern) == 1 and _is_header(pattern[0]):
            changes = [self._header(node, pattern[0], edit) for node, _ in self._statements(pattern, header=True)]
        else:
            changes = [self._run(start, body, len(pattern), edit) for start, body in self._runs(pattern)]
        changes.sort(key=lambda change: change.start)
        if len(changes) != edit.expect:
            places = ", ".join(f"{self._source.path}:{self._source.line_of(change.start)}" for change in changes)
            raise self._error(
                f"expects {edit.expect} of this in {self._place()}, and there are {len(changes)}"
                f"{f' ({places})' if places else ''}:\n{textwrap.indent(edit.find.strip(), '    ')}",
                "Read upstream's code, then mend `find` or `expect`.",
            )
        return changes

    def _place(self) -> str:
        return f"{self.loaded.symbol} ({self._source.path}:{self.symbol.line})"

    def _error(self, problem: str, remedy: str) -> ToolError:
        return ToolError(f"{self.loaded.where}: the patch for {self.loaded.symbol} {problem}", remedy=remedy)

    def _roots(self) -> list[ast.stmt]:
        node = self.symbol.node
        return list(node.body) if isinstance(node, ast.Module) else [node]

    def _enters(self, node: ast.AST) -> bool:
        """Whether the search goes into a node: other definitions in a module or class are other symbols."""
        if isinstance(self.symbol.node, ast.Module | ast.ClassDef):
            is_definition = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            return node is self.symbol.node or not is_definition
        return True

    def _lists(self) -> Iterator[list[ast.stmt]]:
        pending = [self._roots()]
        while pending:
            body = pending.pop(0)
            yield body
            pending = [nested for node in body if self._enters(node) for nested in blocks(node)] + pending

    def _statements(self, pattern: list[ast.stmt], *, header: bool) -> Iterator[tuple[ast.stmt, list[ast.stmt]]]:
        scope: Scope = "header" if header else "whole"
        wanted = _headline(pattern[0], pattern[0]) if header else dump(pattern[0], scope)
        for body in self._lists():
            for node in body:
                if type(node) is type(pattern[0]) and self._enters(node):
                    says = _headline(node, pattern[0]) if header else dump(node, scope)
                    if says == wanted:
                        yield node, body

    def _runs(self, pattern: list[ast.stmt]) -> Iterator[tuple[int, list[ast.stmt]]]:
        wanted = [dump(node) for node in pattern]
        for body in self._lists():
            position = 0
            while position + len(wanted) <= len(body):
                if [dump(node) for node in body[position : position + len(wanted)]] == wanted:
                    yield position, body
                    position += len(wanted)
                else:
                    position += 1

    def _expressions(self, pattern: ast.expr) -> Iterator[tuple[ast.expr, tuple[ast.stmt, list[ast.stmt]]]]:
        wanted = dump(pattern)
        for body in self._lists():
            for node in filter(self._enters, body):
                for child in ast.iter_child_nodes(node):
                    yield from ((found, (node, body)) for found in self._within(child, pattern, wanted))

    def _within(self, node: ast.AST, pattern: ast.expr, wanted: str) -> Iterator[ast.expr]:
        # Statements are in lists of their own; positions within f-strings are wrong before Python 3.12.
        if isinstance(node, ast.stmt):
            return
        if type(node) is type(pattern) and dump(node) == wanted:
            yield node
            return
        if not isinstance(node, ast.JoinedStr):
            for child in ast.iter_child_nodes(node):
                yield from self._within(child, pattern, wanted)

    def _run(self, position: int, body: list[ast.stmt], length: int, edit: Edit) -> _Change:
        nodes = body[position : position + length]
        source = self._source
        if not edit.replace.strip():
            return _deletion(self.loaded, source, nodes, body, comments=edit.comments)
        _parse(self.loaded, edit.replace)
        start, end = source.start(nodes[0]), source.end(nodes[-1])
        if not _alone(source, start, end) and "\n" in edit.replace.strip():
            raise self._error(
                f"puts several lines where other code shares the line ({source.path}:{source.line_of(start)})",
                "Replace the whole statement.",
            )
        text = reindent(edit.replace.strip("\n"), _indent(source, start)).strip()
        begin = source.line_start(start)
        while edit.comments and (above := _line_above(source, begin)).lstrip().startswith("#"):
            begin -= len(above)
        if begin != source.line_start(start):
            return _Change(begin, end, _indent(source, start) + text, self.loaded.where)
        return _Change(start, end, text, self.loaded.where)

    def _header(self, node: ast.stmt, pattern: ast.stmt, edit: Edit) -> _Change:
        source = self._source
        written = SourceText("replace", textwrap.dedent(edit.replace).strip() + "\n")
        statements = _parse(self.loaded, written.text).body
        if not statements or not _is_header(statements[-1]):
            raise self._error(
                "replaces the first line of a compound statement, and so its replacement must end in one with the "
                "body `...`",
                "Write `...` for the body that stays.",
            )
        decorated = bool(getattr(pattern, "decorator_list", None))
        start = source.start(node) if decorated else source.keyword_start(node)
        if source.text.startswith("elif", start):
            raise self._error(f"cannot change an elif ({source.path}:{source.line_of(start)})", "Replace the `if`.")
        header = written.text[: written.header_end(statements[-1])]
        text = reindent(header + " ...", _indent(source, start)).strip().removesuffix(" ...")
        return _Change(start, source.header_end(node), text, self.loaded.where)

    def _expression(self, node: ast.expr, owner: tuple[ast.stmt, list[ast.stmt]], edit: Edit) -> _Change:
        statement, body = owner
        if isinstance(statement, ast.Expr) and statement.value is node:
            return self._run(body.index(statement), body, 1, edit)
        written = _parse(self.loaded, edit.replace).body
        if len(written) != 1 or not isinstance(written[0], ast.Expr):
            raise self._error("replaces an expression by something that is none", "Write one expression.")
        source = self._source
        start, end = source.start(node), source.end(node)
        text = edit.replace.strip()
        change = _Change(start, end, text, self.loaded.where)
        if not self._means(change, node, written[0].value):
            change = _Change(start, end, f"({text})", self.loaded.where)
        return change

    def _means(self, change: _Change, node: ast.expr, value: ast.expr) -> bool:
        """Whether the new text means the old tree with one node exchanged: if not, it wants parentheses."""
        if isinstance(value, _PRIMARIES):
            return True
        text = self._source.text
        try:
            tree = ast.parse(text[: change.start] + change.text + text[change.end :])
        except SyntaxError:
            return False
        return dump(tree) == dump(_Exchange(node, value).visit(ast.parse(text)))


_PRIMARIES = (ast.Name, ast.Attribute, ast.Call, ast.Subscript)
"""Bind tighter than any operator, so that they can stand wherever an expression can."""


class _Exchange(ast.NodeTransformer):
    def __init__(self, old: ast.expr, new: ast.expr) -> None:
        self._old, self._new = old, new

    def visit(self, node: ast.AST) -> Any:
        same_place = (
            type(node) is type(self._old)
            and (node.lineno, node.col_offset) == (self._old.lineno, self._old.col_offset)
            and (node.end_lineno, node.end_col_offset) == (self._old.end_lineno, self._old.end_col_offset)
        )
        return self._new if same_place else super().visit(node)


def _is_header(node: ast.stmt) -> bool:
    body = body_of(node)
    if len(body) != 1 or not isinstance(body[0], ast.Expr):
        return False
    value = body[0].value
    return isinstance(value, ast.Constant) and value.value is ...


def _headline(node: ast.stmt, pattern: ast.stmt) -> str:
    # A pattern without decorators speaks of the line with the keyword alone.
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not getattr(
        pattern, "decorator_list", None
    ):
        fields = [f"{name}={dump(child)}" for name, child in ast.iter_fields(node) if isinstance(child, ast.AST)]
        lists = [
            f"{name}={[dump(item) for item in cast('list[ast.AST]', child)]}"
            for name, child in ast.iter_fields(node)
            if isinstance(child, list) and name in ("bases", "keywords")
        ]
        return " ".join([type(node).__name__, node.name, *fields, *lists])
    return dump(node, "header")


# --- review ------------------------------------------------------------------------------------------------------


def _scope(patch: Patch) -> Scope:
    """What of its symbol a patch depends on."""
    if isinstance(patch, EditPatch):
        patterns = [ast.parse(textwrap.dedent(edit.find)).body for edit in patch.edit]
        # An edit of nothing but a class's first line does not care what is in the class.
        is_class_line = all(len(body) == 1 and isinstance(body[0], ast.ClassDef) for body in patterns)
        return "header" if is_class_line else "own"
    return "header" if isinstance(patch, InsertPatch) else "whole"


def _hash(patch: Patch, symbol: Symbol) -> str:
    scope = _scope(patch)
    # The header of an assignment or a module would be nothing: it is what it says itself that counts.
    is_definition = isinstance(symbol.node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    if is_definition and _keeps_decorators(patch):
        symbol = replace(symbol, node=_undecorated(symbol.node))
    return symbol.fingerprint("own" if scope == "header" and not is_definition else scope)


def _undecorated(node: ast.Module | ast.stmt) -> ast.stmt:
    bare = copy.copy(cast("ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef", node))
    bare.decorator_list = []
    return bare


def _is_unreviewed(loaded: LoadedPatch, symbol: Symbol | None) -> bool:
    patch = loaded.patch
    if symbol is None or isinstance(patch, AddPatch):
        return False
    return _hash(patch, symbol) not in patch.reviewed.values()


def _unreviewed_error(
    pairs: Iterable[tuple[LoadedPatch, Symbol | None]], version: str, reviewed: ReviewedFiles | None
) -> ToolError:
    stale: dict[str, tuple[LoadedPatch, Symbol]] = {}
    for loaded, symbol in pairs:
        stale.setdefault(loaded.symbol, (loaded, cast("Symbol", symbol)))
    shown = "\n\n".join(_show(loaded, symbol, version, reviewed) for loaded, symbol in stale.values())
    commands = "\n".join(f"    dspy-async patches accept {symbol} --upstream {version}" for symbol in stale)
    return ToolError(
        f"Nobody has reviewed what {len(stale)} patched symbol{'s' if len(stale) > 1 else ''} look"
        f"{'' if len(stale) > 1 else 's'} like in DSPy {version}.\n\n{shown}",
        remedy=f"Read upstream's change beside the patch, mend the patch if need be, then accept it:\n{commands}",
    )


@dataclass(frozen=True)
class Footing:
    """What a patch stands on in one release.

    Args:
        symbol: the upstream symbol.
        file: the patch file's name.
        index: its place among the file's patches, from 0.
        scope: how much of the symbol counts: two patches of one symbol may ask for different parts of it.
        applies: whether the patch is for the release.
        fingerprint: of that part, in hex; None where the release has no such symbol.
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
            fingerprint = _hash(patch, symbol)
            _rewrite(symbol.source, list(_changes(loaded, symbol)))
            fits = True
        applies = loaded.applies(version)
        found.append(Footing(loaded.symbol, loaded.file, loaded.index, _scope(patch), applies, fingerprint, fits))
    return tuple(found)


def _show(loaded: LoadedPatch, symbol: Symbol, version: str, reviewed: ReviewedFiles | None) -> str:
    place = f"{loaded.symbol} ({symbol.source.path}:{symbol.line}), patched in {loaded.where}: {loaded.patch.reason}"
    known = cast("_SymbolPatch", loaded.patch).reviewed
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
        ToolError: no patch for that symbol and release, or no such symbol in the release.
    """
    written: list[str] = []
    loaded_patches = [loaded for loaded in load_patches(directory).patches if loaded.applies(version)]
    for loaded in loaded_patches:
        if isinstance(loaded.patch, AddPatch) or loaded.symbol != symbol:
            continue
        found = _find_symbol(files, loaded)
        if found is not None:
            _record(directory, loaded, version, _hash(loaded.patch, found))
            written.append(loaded.where)
    if not written:
        known = sorted({loaded.symbol for loaded in loaded_patches if not isinstance(loaded.patch, AddPatch)})
        close = difflib.get_close_matches(symbol, known, n=3)
        raise ToolError(
            f"There is no patch for {symbol} in DSPy {version}.",
            remedy=f"Patched symbols like it: {', '.join(close)}." if close else "See patches/ for the symbols.",
        )
    return tuple(written)


def _record(directory: Path, loaded: LoadedPatch, version: str, value: str) -> None:
    path = directory / loaded.file
    lines = path.read_text(encoding="utf-8").splitlines()
    tables = [number for number, line in enumerate(lines) if line.strip() == "[[patch]]"]
    end = tables[loaded.index + 1] if loaded.index + 1 < len(tables) else len(lines)
    while not lines[end - 1].strip() or lines[end - 1].startswith("#"):
        end -= 1  # What stands before the next table belongs to that.
    known = cast("_SymbolPatch", loaded.patch).reviewed
    # It is the last table of a patch, since TOML has no way back to the patch itself.
    start = end - len(known) if known else end
    head = [] if known else ["", "[patch.reviewed]"]
    reviewed = {**known, version: value}
    lines[start:end] = [*head, *(f'"{each}" = "{reviewed[each]}"' for each in sorted(reviewed, key=Version))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
