"""Which coroutines of the package a run awaited, and which it did not and why.

`tests/contract/unreached.toml` lists the coroutines that no test of the contract awaits, each with the reason:

    [[coroutine]]
    name = "dspy/clients/lm_local.py::LocalProvider.launch"
    reason = "It starts a server of models, which needs a graphics card."

The list is strict both ways: a coroutine that is listed and reached, or is not there, is as much an error as one that
is neither reached nor listed.
"""

from __future__ import annotations

import ast
import tomllib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from codemods.errors import ToolError
from codemods.parity.model import Row
from codemods.releases import Releases, is_for
from codemods.rules import load_rules
from codemods.source import PACKAGE

UNREACHED_FILE = "unreached.toml"


class Unreached(Row):
    """A coroutine that no test of the contract awaits."""

    name: str
    """`path::qualified name`, as the table prints it."""
    reason: Annotated[str, Field(min_length=20)]
    releases: Releases = ""


class _File(Row):
    coroutine: tuple[Unreached, ...] = ()


class Coroutine(Row):
    """A coroutine function of the generated package."""

    name: str
    """`path::qualified name`."""
    public: bool
    """Whether no name on the way to it begins with an underscore, `__call__` and its kind apart."""
    reached: bool
    """Whether a test awaited it."""
    reason: str = ""
    """Why not, where it is listed."""


class Reach(Row):
    """What a full run says of the package's coroutines."""

    coroutines: tuple[Coroutine, ...]
    """Sorted by name."""
    stale: tuple[str, ...] = ()
    """Sentences on entries of the list that say what is not so."""

    @property
    def public(self) -> tuple[Coroutine, ...]:
        """Those that a user may call."""
        return tuple(one for one in self.coroutines if one.public)

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of coroutines that are neither reached nor listed, private ones too."""
        return tuple(one.name for one in self.coroutines if not one.reached and not one.reason)

    def count(self, *, public: bool) -> tuple[int, int]:
        """How many are reached, and of how many: the public ones, or all."""
        chosen = self.public if public else self.coroutines
        return sum(one.reached for one in chosen), len(chosen)


def load_unreached(path: Path, version: str) -> tuple[Unreached, ...]:
    """The entries for a release; none where there is no file.

    Raises:
        ToolError: the file is no such list, or lists a coroutine twice.
    """
    if not path.is_file():
        return ()
    try:
        read = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).coroutine
        entries = tuple(one for one in read if is_for(one.releases, version))
    except (ValueError, ValidationError) as error:
        raise ToolError(f"{path} is not valid: {error}", remedy="Mend it: see codemods/contract/reach.py.") from error
    twice = [name for name, count in Counter(one.name for one in entries).items() if count > 1]
    if twice:
        raise ToolError(f"{path} lists {', '.join(twice)} more than once", remedy="Keep one entry for each.")
    return entries


def measure(package_root: Path, reached: Collection[str], listed: Iterable[Unreached]) -> Reach:
    """Hold what a run awaited against what there is; packages of others that are shipped along are not ours to try.

    Args:
        package_root: the folder that holds the generated `dspy/`.
        reached: names of coroutines that were awaited.
        listed: the entries for the release.
    """
    rules = load_rules()
    paths = sorted((package_root / PACKAGE).rglob("*.py"))
    own = [path for path in paths if not rules.is_vendored(path.relative_to(package_root).as_posix())]
    found = sorted({name for path in own for name in _names(path, package_root)})
    reasons = {one.name: one.reason for one in listed}
    rows = tuple(
        Coroutine(name=name, public=_is_public(name), reached=name in reached, reason=reasons.get(name, ""))
        for name in found
    )
    stale = [f"{one.name} is listed as never awaited, and is" for one in rows if one.reached and one.reason]
    stale += [
        f"{name} is listed as never awaited, and there is no such coroutine" for name in sorted({*reasons} - {*found})
    ]
    return Reach(coroutines=rows, stale=tuple(stale))


def _names(path: Path, root: Path) -> Iterator[str]:
    place = path.relative_to(root).as_posix()
    for name in _coroutines(ast.parse(path.read_bytes()), ""):
        yield f"{place}::{name}"


def _coroutines(scope: ast.AST, prefix: str) -> Iterator[str]:
    """Qualified names as Python gives them to the functions' code, but for functions in functions: those are a matter
    of the function around."""
    for node in ast.iter_child_nodes(scope):
        if isinstance(node, ast.AsyncFunctionDef):
            yield f"{prefix}{node.name}"
        elif isinstance(node, ast.ClassDef):
            yield from _coroutines(node, f"{prefix}{node.name}.")
        elif not isinstance(node, ast.FunctionDef):
            yield from _coroutines(node, prefix)


def _is_public(name: str) -> bool:
    path, _, qualified = name.partition("::")
    parts = [*path.removesuffix(".py").split("/"), *qualified.split(".")]
    return not any(part.startswith("_") and not (part.startswith("__") and part.endswith("__")) for part in parts)
