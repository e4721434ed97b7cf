"""The pinned release as a program that uses it sees it: its model for `migrate`, and its converted files.

Making both takes half a minute, so they are kept between runs under a key of everything they are made of.
"""

from __future__ import annotations

import hashlib
import pickle
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from codemods.coloring import Coloring
from codemods.convert import convert
from codemods.migrate import load_library
from codemods.pin import load_pin
from codemods.project import Project, cache_directory, find_project
from codemods.rules import load_rules
from codemods.sync import SyncOptions, engine_stages, python_texts, read_release

_NESTING = 100_000
"""Models refer to each other in long chains, and pickle follows them by recursion."""


@dataclass(frozen=True)
class Library:
    """The release, patched: `coloring` is what `migrate` takes, `files` are its files as sync emits them."""

    # pytest shows a failing test's arguments, and these would take all memory there is.
    coloring: Coloring = field(repr=False)
    files: Mapping[str, str] = field(repr=False)


def make_library(project: Project) -> Library:
    """The library from the pinned release.

    Raises:
        ToolError: the release cannot be had.
    """
    options = SyncOptions(project=project, cache=cache_directory())
    tree = read_release(load_pin(project.pin), options)
    patched = engine_stages().patch(python_texts(tree), tree.version, options)
    coloring = load_library(patched.files, load_rules(), patched.final)
    files = convert(patched.files, version=tree.version, rules=load_rules(), final=patched.final).files
    return Library(coloring, {path: text for path, text in files.items() if path.endswith(".py")})


def cached_library(folder: Path) -> Library:
    """The library, kept in `folder` until the toolchain, its patches or the pin change."""
    project = find_project(Path(__file__).parent)
    kept = folder / f"library-{_key(project)}.pickle"
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, _NESTING))
    try:
        if kept.is_file():
            found: Library = pickle.loads(kept.read_bytes())
            return found
        library = make_library(project)
        for old in folder.glob("library-*.pickle"):
            old.unlink()
        kept.write_bytes(pickle.dumps(library, pickle.HIGHEST_PROTOCOL))
        return library
    finally:
        sys.setrecursionlimit(limit)


def _key(project: Project) -> str:
    """A hash of the toolchain's own files and of the Python that runs it."""
    parts = [project.pin, *sorted((project.root / "codemods").rglob("*")), *sorted(project.patches.rglob("*"))]
    digest = hashlib.sha256(sys.version.encode())
    for path in parts:
        if path.is_file() and path.suffix not in (".pyc", ".pickle"):
            digest.update(path.relative_to(project.root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
