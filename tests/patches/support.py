"""A package of two modules, and patches of it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from codemods.errors import ToolError
from codemods.patches import PatchSet, accept, apply_patches, load_patches

VERSION = "3.3.1"


MODULE = '''\
"""A module."""

from __future__ import annotations

import os
import zlib

import tqdm

from pack.other import thing

LIMIT = 3  # how many


class Base:
    """What others build on."""

    kind: str = "base"

    def __init__(self, count=None, limit=None):
        # the count
        self.count = count or settings.count
        self.limit = (  # how far
            limit
        )

    @staged
    @cached(size=1)
    def run(self, items):
        """Run."""
        # why there is a lock
        # and who takes it
        lock = make_lock()
        with lock as held:
            for item in items:  # all of them
                held.take(item)

        def inner(x):
            return x * self.count

        return [inner(item) for item in items]

    def last(self):
        return f"{self.count}: {self.limit}"


def helper(a):
    if a: return 1
    return a
'''


FILES = {"pack/__init__.py": "", "pack/mod.py": MODULE, "pack/other.py": "thing = 1\n", "pack/data.json": "{"}


@dataclass(frozen=True)
class Make:
    """Writes patches (without `reason` and `releases`) into a folder, and accepts the module's symbols as they are."""

    folder: Path

    def __call__(self, *patches: str, code: Mapping[str, str] | None = None, reviewed: bool = True) -> PatchSet:
        for path, text in (code or {}).items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_text(text)
        (self.folder / "a.toml").write_text("\n".join(table(patch) for patch in patches))
        loaded = load_patches(self.folder)
        chosen = [patch for patch in loaded.patches if patch.patch.kind != "add" and patch.applies(VERSION)]
        for symbol in {patch.symbol for patch in chosen} if reviewed else ():
            accept(self.folder, symbol, FILES, VERSION)
        return load_patches(self.folder)


def table(patch: str) -> str:
    body = textwrap.dedent(patch).strip()
    rest = [line for line in ('releases = ">=3,<4"', 'reason = "because it must be"') if line.split()[0] not in body]
    kind, _, tail = body.partition("\n")
    return "\n".join(["[[patch]]", kind, *rest, tail, ""])


def edit(symbol: str, find: str, replace: str = "", more: str = "") -> str:
    return "\n".join(
        [
            f"kind = \"edit\"\nsymbol = \"{symbol}\"\n[[patch.edit]]\nfind = '''\n{find}\n'''",
            f"replace = '''\n{replace}\n'''",
            more,
        ]
    )


def with_change(old: str, new: str) -> dict[str, str]:
    assert old in MODULE
    return {**FILES, "pack/mod.py": MODULE.replace(old, new)}


RUN_EDIT = edit("pack.mod:Base.run", "lock = make_lock()", "lock = None")


def changed(patches: PatchSet, path: str = "pack/mod.py") -> list[str]:
    """Lines gone, then lines new, each with its sign."""
    result = apply_patches(FILES, patches, VERSION)
    assert {name: text for name, text in result.files.items() if name != path} == {
        name: text for name, text in FILES.items() if name != path
    }
    old, new = FILES[path].splitlines(), result.files[path].splitlines()
    gone = [f"-{line}" for line in old if line not in new]
    return gone + [f"+{line}" for line in new if line not in old]


def failing(patches: Callable[[], PatchSet]) -> str:
    with pytest.raises(ToolError) as error:
        apply_patches(FILES, patches(), VERSION)
    return str(error.value)
