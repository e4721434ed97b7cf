"""The whole line on the pinned release: complete, and the same bytes however it is run.

Across Pythons and machines it is `generated/sync.lock`, which is committed and holds a hash of every file, that all of
them are held against.
"""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from codemods.emit import LOCK_FILE, Package, build_package, read_lock
from codemods.pin import Pin, load_pin
from codemods.project import Project, cache_directory, find_project
from codemods.source import SourceTree, load_source
from codemods.sync import SyncOptions, engine_stages, python_texts


@pytest.fixture(scope="module")
def project() -> Project:
    return find_project(Path(__file__).parent)


@pytest.fixture(scope="module")
def pin(project: Project) -> Pin:
    return load_pin(project.pin)


@pytest.fixture(scope="module")
def sdist(project: Project, pin: Pin) -> SourceTree:
    return load_source(pin, "sdist", submodule=project.upstream, cache=cache_directory())


def convert(project: Project, pin: Pin, tree: SourceTree, *, jobs: int, shuffle: int | None) -> Package:
    """The package, with the files handed to every stage in a random order if a seed is given."""
    options = SyncOptions(project=project, cache=cache_directory(), jobs=jobs)
    engine = engine_stages()

    def reorder(files: dict[str, str]) -> dict[str, str]:
        names = list(files)
        if shuffle is not None:
            random.Random(shuffle).shuffle(names)
        return {name: files[name] for name in names}

    patched = engine.patch(reorder(python_texts(tree)), tree.version, options)
    conversion = engine.convert(replace(patched, files=reorder(patched.files)), tree.version, options)
    assert conversion.unresolved == ()
    return build_package(pin, tree, conversion.files)


@pytest.fixture(scope="module")
def package(project: Project, pin: Pin, sdist: SourceTree) -> Package:
    return convert(project, pin, sdist, jobs=1, shuffle=None)


def test_no_file_of_the_release_is_missing(sdist: SourceTree, package: Package) -> None:
    upstream = {name for name in sdist.files if name.startswith("dspy/")}
    assert upstream <= set(package.files)
    for name in upstream:
        if not name.endswith(".py"):
            assert package.files[name] == sdist.files[name]


def test_the_committed_lock_is_what_comes_out(project: Project, package: Package) -> None:
    committed = read_lock(project.generated / LOCK_FILE)
    assert committed is not None, "there is no generated/sync.lock: run `nox -s sync` and commit it"
    assert package.lock == committed
    assert package.files["README.md"] == (project.generated / "README.md").read_bytes()


def test_two_processes_and_any_order_of_files(project: Project, pin: Pin, sdist: SourceTree, package: Package) -> None:
    other = convert(project, pin, sdist, jobs=2, shuffle=1)
    assert dict(other.files) == dict(package.files)


def test_submodule_and_archive(project: Project, pin: Pin, package: Package) -> None:
    if not project.upstream.is_dir() or not any(project.upstream.iterdir()):
        pytest.skip("the submodule is not filled: git submodule update --init upstream")
    tree = load_source(pin, "submodule", submodule=project.upstream, cache=cache_directory())
    assert dict(convert(project, pin, tree, jobs=2, shuffle=None).files) == dict(package.files)
