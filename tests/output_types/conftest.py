"""What `nox -s types` has written, once for all tests of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from codemods.pin import load_pin
from codemods.project import cache_directory, find_project
from codemods.sync import SyncOptions, python_texts, read_release, type_checker
from tests.output_types.release import Release

GENERATED = "DSPY_ASYNC_GENERATED"


@pytest.fixture(scope="session")
def release() -> Release:
    folder = os.environ.get(GENERATED)
    if not folder:
        raise pytest.UsageError(f"{GENERATED} does not name a folder that sync wrote: run `nox -s types`")
    project = find_project(Path(__file__).parent)
    options = SyncOptions(project=project, cache=cache_directory())
    tree = read_release(load_pin(project.pin), options)
    root = Path(folder)
    files = {each.relative_to(root).as_posix(): each.read_text("utf-8") for each in (root / "dspy").rglob("*.py")}
    return Release(type_checker(root, tree.version, options), files, python_texts(tree))
