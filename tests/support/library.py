"""The pinned release as a program that uses it sees it: its model for `migrate`, and its converted files.

Both take half a minute to make, and are taken from where the commands keep them: an earlier sync's conversion, and the
model that `migrate` reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from codemods.coloring import Coloring
from codemods.migrate.library import release_library
from codemods.pin import load_pin
from codemods.project import cache_directory, find_project
from codemods.sync import SyncOptions, engine_stages, python_texts, read_release


@dataclass(frozen=True)
class Library:
    """The release, patched: `coloring` is what `migrate` takes, `files` are its files as sync emits them."""

    # pytest shows a failing test's arguments, and these would take all memory there is.
    coloring: Coloring = field(repr=False)
    files: Mapping[str, str] = field(repr=False)


def pinned_release() -> Coloring:
    """The model of the pinned release, as the command takes it from the cache. Raises :class:`ToolError`."""
    return release_library(find_project(Path(__file__).parent), cache_directory())


def converted_release() -> dict[str, str]:
    """The Python files of the pinned release as they are generated. Raises :class:`ToolError`."""
    project = find_project(Path(__file__).parent)
    options = SyncOptions(project=project, cache=cache_directory())
    tree = read_release(load_pin(project.pin), options)
    engine = engine_stages()
    patched = engine.patch(python_texts(tree), tree.version, options)
    files = engine.convert(patched, tree.version, options).files
    return {path: text for path, text in files.items() if path.endswith(".py")}
