"""What a release looks like to the toolchain, and what a maintainer has to do from one release to the next.

A survey is taken while a release goes down the line of `codemods.sync`. Names come from upstream's files, colours from
the files that are written, and what the patches stand on from both. Two surveys make a step.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from codemods.parity.model import Row
from codemods.report import Place, StaleRow
from codemods.sync import Stages, SyncOptions, nothing_beside

if TYPE_CHECKING:
    from codemods.stages import Conversion, Patched

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_TOLD_DUNDERS = frozenset({"__init__", "__call__"})
"""Special methods that are part of how a class is used."""


class Foot(Row):
    """What one patch stands on: see `codemods.patches.Footing`."""

    symbol: str
    file: str
    index: int
    scope: str
    applies: bool
    fingerprint: str | None
    fits: bool


class Survey(Row):
    """One release. All keys and tuples are sorted."""

    version: str
    public: dict[str, str]
    """Upstream's public names, `module:name` or `module:Class.name`, with how each is called."""
    colours: dict[str, str]
    """What each function that is written is: `async`, `settings`, both with a comma between, or nothing."""
    twins: dict[str, str]
    """Pairs of a sync and an async function that upstream keeps: the first's symbol and the second's name."""
    unresolved: tuple[Place, ...]
    findings: tuple[Place, ...]
    feet: tuple[Foot, ...]
    added: tuple[str, ...]
    """Modules that patches add."""
    stale: tuple[StaleRow, ...]
    """Patches that a person must look at before the release can be converted."""


class Recolour(Row):
    """A function whose colour is another than before."""

    symbol: str
    before: str
    after: str


class Step(Row):
    """What lies between two releases. All tuples are sorted."""

    before: str
    after: str
    to_rework: tuple[str, ...]
    """Patched symbols of which the patch no longer fits, or that upstream changed and the patch replaces whole."""
    to_confirm: tuple[str, ...]
    """Patched symbols in which upstream changed what the patch stands on, and it fits: to be looked at."""
    gone: tuple[str, ...]
    """Patched symbols that are not there any more."""
    to_write: tuple[str, ...]
    """Symbols that are only patched since."""
    modules: tuple[str, ...]
    """Modules that patches add in one of the two only."""
    new_names: tuple[str, ...]
    gone_names: tuple[str, ...]
    changed_names: tuple[str, ...]
    """Public names that are called otherwise than before."""
    recoloured: tuple[Recolour, ...]
    new_twins: tuple[str, ...]
    gone_twins: tuple[str, ...]
    new_unresolved: tuple[Place, ...]

    @property
    def stale(self) -> tuple[str, ...]:
        """Every patched symbol that a maintainer who comes from the earlier release must look at."""
        return tuple(sorted({*self.to_rework, *self.to_confirm, *self.gone}))


def step(before: Survey, after: Survey) -> Step:
    """What a maintainer whose patches are for `before` would have to do for `after`, and what else is different.

    The patches are today's: a symbol whose patch was written anew for `after` counts as one to rework.
    """
    rework, confirm, gone = _standing(before, after)
    earlier = {foot.symbol for foot in before.feet if foot.applies}
    later = {foot.symbol for foot in after.feet if foot.applies}
    known = {(place.path, place.message) for place in before.unresolved}
    both = before.public.keys() & after.public.keys()
    return Step(
        before=before.version,
        after=after.version,
        to_rework=tuple(sorted(rework)),
        to_confirm=tuple(sorted(confirm - rework)),
        gone=tuple(sorted(gone - rework)),
        to_write=tuple(sorted(later - earlier)),
        modules=tuple(sorted({*before.added} ^ {*after.added})),
        new_names=tuple(sorted(after.public.keys() - before.public.keys())),
        gone_names=tuple(sorted(before.public.keys() - after.public.keys())),
        changed_names=tuple(sorted(name for name in both if before.public[name] != after.public[name])),
        recoloured=tuple(
            Recolour(symbol=symbol, before=before.colours[symbol], after=colour)
            for symbol, colour in sorted(after.colours.items())
            if symbol in before.colours and before.colours[symbol] != colour
        ),
        new_twins=tuple(sorted(after.twins.keys() - before.twins.keys())),
        gone_twins=tuple(sorted(before.twins.keys() - after.twins.keys())),
        new_unresolved=tuple(place for place in after.unresolved if (place.path, place.message) not in known),
    )


def _standing(before: Survey, after: Survey) -> tuple[set[str], set[str], set[str]]:
    """The symbols of patches for the earlier release to rework, to confirm, and that are gone from the later one."""
    there = {(foot.file, foot.index): foot for foot in after.feet}
    rework: set[str] = set()
    confirm: set[str] = set()
    gone: set[str] = set()
    for foot in before.feet:
        now = there.get((foot.file, foot.index))
        if not foot.applies or now is None:
            continue
        if now.fingerprint is None:
            gone.add(foot.symbol)
        elif not now.applies or (now.fingerprint != foot.fingerprint and (foot.scope == "whole" or not now.fits)):
            rework.add(foot.symbol)
        elif now.fingerprint != foot.fingerprint:
            confirm.add(foot.symbol)
    return rework, confirm, gone


_DECIDING = (
    "codemods/**/*.py",
    "codemods/**/*.toml",
    "patches/**/*",
    "tests/contract/**/*",
    "tests/parity/ledger.toml",
    "tests/support/*.py",
    "open.toml",
    "pyproject.toml",
)


def deciding_sha256(root: Path) -> str:
    """A digest, in hex, of everything in a checkout that an outcome may depend on beside the release.

    It is wider than `codemods.parity.prepare.sources_sha256`, which leaves out what only checks and reports.
    """
    total = hashlib.sha256(sys.version.encode())
    for pattern in _DECIDING:
        for path in sorted(root.glob(pattern)):
            if path.is_file() and "__pycache__" not in path.parts:
                total.update(f"{path.relative_to(root).as_posix()}\0".encode())
                total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


# --- taking one -------------------------------------------------------------------------------------------------------


@dataclass
class Surveyor:
    """Looks on while a release goes down the line.

    Args:
        stages: the engine that is looked at.
    """

    stages: Stages
    _texts: Mapping[str, str] = field(default_factory=dict[str, str])
    _patched: Patched | None = None
    _conversion: Conversion | None = None
    _feet: tuple[Foot, ...] = ()

    def watching(self, verify: Callable[..., object] | None = None) -> Stages:
        """The same engine, looked at; with another check of the output, if one is given."""
        stages = replace(self.stages, patch=self._patch, convert=self._convert)
        return replace(stages, verify=verify, beside=nothing_beside) if verify is not None else stages

    def survey(self, version: str) -> Survey | None:
        """What was seen; None where the release did not come as far as the conversion."""
        conversion, patched = self._conversion, self._patched
        if conversion is None or patched is None:
            return None
        return Survey(
            version=version,
            public=public_names(self._texts),
            colours=colours(conversion.files),
            twins={
                f"{module_name(twin.path)}:{twin.scope}{twin.name}": twin.async_name
                for twin in sorted(conversion.twins, key=lambda twin: (twin.path, twin.line))
            },
            unresolved=tuple(_place(finding) for finding in conversion.unresolved),
            findings=tuple(_place(finding) for finding in conversion.findings),
            feet=self._feet,
            added=tuple(sorted(one.symbol for one in patched.applied if one.kind == "add")),
            stale=self.stale,
        )

    @property
    def patched_texts(self) -> dict[str, str]:
        """The release's texts after the patches, by path."""
        return dict(self._patched.files) if self._patched is not None else {}

    @property
    def stale(self) -> tuple[StaleRow, ...]:
        """Patches that a person must look at."""
        found = self._patched.stale if self._patched is not None else ()
        return tuple(StaleRow.model_validate(vars(patch)) for patch in found)

    def _patch(self, files: Mapping[str, str], version: str, options: SyncOptions) -> Patched:
        self._texts = dict(files)
        self._feet = _feet(files, version, options)
        self._patched = self.stages.patch(files, version, options)
        return self._patched

    def _convert(self, patched: Patched, version: str, options: SyncOptions) -> Conversion:
        self._conversion = self.stages.convert(patched, version, options)
        return self._conversion


def _feet(files: Mapping[str, str], version: str, options: SyncOptions) -> tuple[Foot, ...]:
    from codemods.patches import footings, load_patches

    found = footings(files, load_patches(options.project.patches), version)
    return tuple(
        Foot.model_validate(vars(one)) for one in sorted(found, key=lambda one: (one.symbol, one.file, one.index))
    )


def _place(finding: object) -> Place:
    return Place.model_validate({name: getattr(finding, name) for name in Place.model_fields})


# --- names and colours ------------------------------------------------------------------------------------------------


def module_name(path: str) -> str:
    """The module that a file holds, by its posix path."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def public_names(files: Mapping[str, str]) -> dict[str, str]:
    """A package's public names, `module:name`, and how each is called, from its texts by path.

    Public is what has no underscore before its own name nor before its module's or class's. A package's `__init__.py`
    also has the names that it imports. Constructors and `__call__` count.
    """
    found: dict[str, str] = {}
    for path, text in sorted(files.items()):
        module = module_name(path)
        if path.endswith(".py") and not any(part.startswith("_") for part in module.split(".")):
            body = ast.parse(text).body
            found |= {f"{module}:{name}": how for name, how in _names(body)}
            if path.endswith("/__init__.py"):
                found |= {f"{module}:{name}": "imported" for name in _imported(body)}
    return dict(sorted(found.items()))


def _names(body: list[ast.stmt], above: str = "") -> Iterator[tuple[str, str]]:
    for node in body:
        if isinstance(node, _DEFINITIONS):
            if node.name.startswith("_") and not (above and node.name in _TOLD_DUNDERS):
                continue
            if isinstance(node, ast.ClassDef):
                yield f"{above}{node.name}", f"class({', '.join(map(ast.unparse, node.bases))})"
                yield from _names(node.body, f"{above}{node.name}.")
            else:
                yield f"{above}{node.name}", f"({ast.unparse(node.args)})"
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name) and not target.id.startswith("_"):
                    yield f"{above}{target.id}", "value"


def _imported(body: list[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.ImportFrom) and node.module != "__future__":
            for alias in node.names:
                name = alias.asname or alias.name
                if name != "*" and not name.startswith("_"):
                    yield name


def colours(files: Mapping[str, str]) -> dict[str, str]:
    """What each function of a converted package is, by `module:qualname`: see `Survey.colours`."""
    found: dict[str, str] = {}
    for path, text in sorted(files.items()):
        if path.endswith(".py"):
            module = module_name(path)
            found |= {f"{module}:{name}": colour for name, colour in _colours(ast.parse(text.lstrip("\ufeff")))}
    return found


def _colours(node: ast.AST, above: str = "") -> Iterator[tuple[str, str]]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, _DEFINITIONS):
            yield from _colours(child, above)
        elif isinstance(child, ast.ClassDef):
            yield from _colours(child, f"{above}{child.name}.")
        else:
            arguments = [one.arg for one in (*child.args.posonlyargs, *child.args.args)]
            says = ["async"] if isinstance(child, ast.AsyncFunctionDef) else []
            says += ["settings"] if "settings" in arguments[:2] else []
            yield f"{above}{child.name}", ", ".join(says)
            yield from _colours(child, f"{above}{child.name}.<locals>.")


def chains(files: Mapping[str, str], symbols: list[str]) -> dict[str, list[str]]:
    """Why functions are coroutines or take settings, call by call; nothing of one that is neither.

    Args:
        files: the release's texts after the patches, by path.
        symbols: `module:qualname`.
    """
    from codemods.coloring import Chains
    from codemods.convert import colored
    from codemods.rules import load_rules

    coloring = colored(files, load_rules())
    ways = Chains(coloring)
    known = [symbol for symbol in symbols if symbol in coloring.program.functions]
    return {symbol: lines for symbol in known if (lines := ways.of(symbol))}
