from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from codemods import source as source_module
from codemods.errors import ToolError, UsageError
from codemods.pin import load_pin
from codemods.project import cache_directory, find_project
from codemods.sdist import archive_date, fetch_sdist
from codemods.source import SourceTree, load_source
from tests.releases import (
    checkout_files,
    git,
    pin_for,
    release_files,
    write_repository,
    write_sdist,
    write_tree,
)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that pip takes for the only package index there is."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith(("PIP_", "GIT_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


# --- the same files from everywhere -----------------------------------------------------------------------------------


def test_every_origin_gives_the_same_bytes(index: Path, cache: Path, tmp_path: Path) -> None:
    sdist = write_sdist(index, "2.0.1")
    commit = write_repository(tmp_path / "upstream", "2.0.1", stated="2.0.0")
    pin = pin_for(sdist, "2.0.1", commit)
    checkout = write_tree(tmp_path / "checkout", checkout_files("2.0.1", "2.0.0"))
    unpacked = tmp_path / "unpacked"
    shutil.unpack_archive(sdist, unpacked)

    def load(source: str) -> SourceTree:
        return load_source(pin, source, submodule=tmp_path / "upstream", cache=cache)

    trees = [load(s) for s in ("submodule", "sdist", "auto", str(checkout), str(unpacked / "dspy-2.0.1"), str(sdist))]
    assert [tree.origin for tree in trees] == ["submodule", "sdist", "submodule", "path", "path", "path"]
    for tree in trees:
        assert dict(tree.files) == release_files("2.0.1")
        assert list(tree.files) == sorted(tree.files)
        assert tree.version == "2.0.1"
        assert tree.sha256 == trees[0].sha256


def test_nothing_uncommitted_leaks_in(index: Path, cache: Path, tmp_path: Path) -> None:
    commit = write_repository(tmp_path / "upstream", "2.0.1", stated="2.0.0")
    (tmp_path / "upstream/dspy/__init__.py").write_text("changed")
    (tmp_path / "upstream/dspy/new.py").write_text("new")
    git(tmp_path / "upstream", "add", "dspy/new.py")
    pin = pin_for(write_sdist(index, "2.0.1"), "2.0.1", commit)
    tree = load_source(pin, "submodule", submodule=tmp_path / "upstream", cache=cache)
    assert dict(tree.files) == release_files("2.0.1")


def test_git_variables_of_a_hook_do_not_mislead(
    index: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = write_repository(tmp_path / "upstream", "2.0.1", stated="2.0.0")
    write_repository(tmp_path / "other", "1.0.0", stated="1.0.0")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other/.git"))
    pin = pin_for(write_sdist(index, "2.0.1"), "2.0.1", commit)
    tree = load_source(pin, "submodule", submodule=tmp_path / "upstream", cache=cache)
    assert dict(tree.files) == release_files("2.0.1")


def test_the_identity_sees_names_and_bytes(tmp_path: Path) -> None:
    base = SourceTree("1", "path", {"a": b"x", "b": b""})
    assert base.sha256 == SourceTree("2", "sdist", {"a": b"x", "b": b""}, ("note",)).sha256
    assert base.sha256 != SourceTree("1", "path", {"a": b"", "b": b"x"}).sha256


def test_package_data_follows_the_releases_own_patterns() -> None:
    matches = source_module._matches
    assert matches(("primitives", "a.js"), ["primitives", "*.js"])
    assert not matches(("primitives", "deep", "a.js"), ["primitives", "*.js"])
    assert matches(("primitives", "deep", "a.js"), ["**", "*.js"])
    assert matches(("a.js",), ["**", "*.js"])
    assert not matches((), ["*.js"])


def test_directories_that_are_no_packages_are_left_out(tmp_path: Path, cache: Path, index: Path) -> None:
    files = {**release_files("2.0.1"), "dspy/.internal/setup.py": b"", "dspy/__pycache__/a.pyc": b""}
    tree = load_source(
        pin_for(write_sdist(index, "2.0.1"), "2.0.1"),
        str(write_tree(tmp_path / "p", files)),
        submodule=tmp_path / "none",
        cache=cache,
    )
    assert dict(tree.files) == release_files("2.0.1")


# --- which origin -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["missing", "empty", "other commit"])
def test_auto_says_why_it_takes_the_archive(index: Path, cache: Path, tmp_path: Path, state: str) -> None:
    upstream = tmp_path / "upstream"
    if state == "empty":
        upstream.mkdir()
    if state == "other commit":
        write_repository(upstream, "1.0.0", stated="1.0.0")
    pin = pin_for(write_sdist(index, "2.0.1"), "2.0.1", "d" * 40)
    tree = load_source(pin, submodule=upstream, cache=cache)
    assert tree.origin == "sdist"
    assert [note for note in tree.notes if str(upstream) in note and "archive is used" in note]


def test_an_explicit_submodule_never_becomes_an_archive(index: Path, cache: Path, tmp_path: Path) -> None:
    pin = pin_for(write_sdist(index, "2.0.1"), "2.0.1", "d" * 40)
    with pytest.raises(ToolError, match="git submodule update --init"):
        load_source(pin, "submodule", submodule=tmp_path / "upstream", cache=cache)


def test_another_release_needs_no_edit_of_the_pin(index: Path, cache: Path, tmp_path: Path) -> None:
    pin = pin_for(write_sdist(index, "2.0.1"), "2.0.1")
    write_sdist(index, "1.9.0")
    tree = load_source(pin, upstream="v1.9.0", submodule=tmp_path / "upstream", cache=cache)
    assert (tree.version, tree.origin) == ("1.9.0", "sdist")
    assert dict(tree.files) == release_files("1.9.0")
    assert "no hash is pinned for 1.9.0" in tree.notes[0]
    assert tree.released == archive_date(index / "dspy-1.9.0.tar.gz")


def test_another_release_from_the_submodules_tag(index: Path, cache: Path, tmp_path: Path) -> None:
    pin = pin_for(write_sdist(index, "2.0.1"), "2.0.1")
    write_repository(tmp_path / "upstream", "1.9.0", stated="1.8.0")
    tree = load_source(pin, "submodule", "1.9.0", submodule=tmp_path / "upstream", cache=cache)
    assert dict(tree.files) == release_files("1.9.0")
    with pytest.raises(ToolError, match=r"no tag 1\.7\.0"):
        load_source(pin, "submodule", "1.7.0", submodule=tmp_path / "upstream", cache=cache)


# --- archives: cache and hashes ---------------------------------------------------------------------------------------


def test_a_cached_archive_needs_no_index(index: Path, cache: Path) -> None:
    sdist = write_sdist(index, "2.0.1")
    pin = pin_for(sdist, "2.0.1")
    first = fetch_sdist("2.0.1", cache, sha256=pin.sdist_sha256)
    sdist.unlink()
    again = fetch_sdist("2.0.1", cache, sha256=pin.sdist_sha256)
    assert (again.path, again.notes) == (first.path, ())
    # Nothing but the archive and its record is left behind.
    assert sorted(p.name for p in (cache / "sdist").iterdir()) == ["dspy-2.0.1.json", "dspy-2.0.1.tar.gz"]


def test_a_hash_that_differs_stops_and_keeps_nothing(index: Path, cache: Path) -> None:
    write_sdist(index, "2.0.1")
    with pytest.raises(ToolError, match=r"wrong hash.*pin\.toml says " + "e" * 64) as caught:
        fetch_sdist("2.0.1", cache, sha256="e" * 64)
    assert "before you know why" in caught.value.remedy
    assert list((cache / "sdist").iterdir()) == []


def test_the_build_backend_of_an_archive_with_a_wrong_hash_never_runs(index: Path, cache: Path, tmp_path: Path) -> None:
    backend = f"open({str(tmp_path / 'ran')!r}, 'w')\nfrom setuptools.build_meta import *\n"
    project = release_files("2.0.1")["pyproject.toml"].replace(
        b'"setuptools.build_meta"', b'"evil"\nbackend-path=["."]'
    )
    files = {**release_files("2.0.1"), "evil.py": backend.encode(), "pyproject.toml": project}
    write_sdist(index, "2.0.1", files)
    with pytest.raises(ToolError, match="wrong hash"):
        fetch_sdist("2.0.1", cache, sha256="e" * 64)
    assert not (tmp_path / "ran").exists()


def test_a_damaged_cache_is_filled_anew_and_says_so(index: Path, cache: Path) -> None:
    pin = pin_for(write_sdist(index, "2.0.1"), "2.0.1")
    kept = fetch_sdist("2.0.1", cache, sha256=pin.sdist_sha256).path
    kept.write_bytes(b"half")
    again = fetch_sdist("2.0.1", cache, sha256=pin.sdist_sha256)
    assert "downloaded again" in again.notes[0]
    assert again.sha256 == pin.sdist_sha256


def test_an_unpinned_release_is_held_to_what_was_seen_first(index: Path, cache: Path) -> None:
    write_sdist(index, "1.9.0")
    first = fetch_sdist("1.9.0", cache, sha256=None)
    assert first.sha256 in first.notes[0]
    first.path.unlink()
    write_sdist(index, "1.9.0", {**release_files("1.9.0"), "dspy/evil.py": b""})
    with pytest.raises(ToolError, match="an earlier download had"):
        fetch_sdist("1.9.0", cache, sha256=None)


def test_a_damaged_record_is_named(index: Path, cache: Path) -> None:
    write_sdist(index, "1.9.0")
    fetch_sdist("1.9.0", cache, sha256=None)
    (cache / "sdist/dspy-1.9.0.json").write_text("{")
    with pytest.raises(ToolError, match=r"dspy-1\.9\.0\.json is damaged"):
        fetch_sdist("1.9.0", cache, sha256=None)


def test_a_cache_that_cannot_be_written(index: Path, tmp_path: Path) -> None:
    write_sdist(index, "1.9.0")
    (tmp_path / "file").write_text("")
    with pytest.raises(ToolError, match="DSPY_ASYNC_CACHE"):
        fetch_sdist("1.9.0", tmp_path / "file", sha256=None)


# --- bad input --------------------------------------------------------------------------------------------------------


def test_no_network_and_no_submodule(index: Path, cache: Path, tmp_path: Path) -> None:
    pin = pin_for(write_sdist(tmp_path / "elsewhere", "2.0.1"), "2.0.1")
    with pytest.raises(ToolError, match="no package index") as caught:
        load_source(pin, submodule=tmp_path / "upstream", cache=cache)
    for way_out in ("pip config list", "git submodule update --init", "--source PATH"):
        assert way_out in caught.value.remedy


def test_an_index_that_refuses_the_connection(
    index: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    # Port 9 of loopback: nothing listens there.
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(ToolError, match="no package index"):
        fetch_sdist("2.0.1", cache, sha256="e" * 64)


def test_an_unknown_version_names_the_nearest(index: Path, cache: Path, tmp_path: Path) -> None:
    for version in ("1.0.0", "1.9.0", "2.0.1"):
        write_sdist(index, version)
    pin = pin_for(index / "dspy-2.0.1.tar.gz", "2.0.1")
    with pytest.raises(ToolError, match=r"no source release 1\.9\.5.*1\.0\.0, 1\.9\.0, 2\.0\.1"):
        load_source(pin, upstream="1.9.5", submodule=tmp_path / "upstream", cache=cache)
    with pytest.raises(UsageError, match="newest"):
        load_source(pin, upstream="newest", submodule=tmp_path / "upstream", cache=cache)


def test_an_archive_that_pip_cannot_read_shows_what_pip_said(index: Path, cache: Path) -> None:
    (index / "dspy-2.0.1.tar.gz").write_bytes(b"no archive")
    with pytest.raises(ToolError, match="it said") as caught:
        fetch_sdist("2.0.1", cache, sha256=None)
    assert "not a gzip file" in caught.value.problem


@pytest.mark.parametrize("lost", ["pyproject.toml", "LICENSE", "dspy/__init__.py"])
def test_a_path_that_is_no_release(index: Path, cache: Path, tmp_path: Path, lost: str) -> None:
    pin = pin_for(write_sdist(index, "2.0.1"), "2.0.1")
    files = release_files("2.0.1")
    del files[lost]
    with pytest.raises(ToolError, match=f"no release of DSPy: it has no {lost}"):
        load_source(pin, str(write_tree(tmp_path / "p", files)), submodule=tmp_path / "u", cache=cache)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('name="dspy"', 'name="dspy-async"'), "release of dspy-async, not of DSPy"),
        (('version="2.0.1"', 'dynamic=["version"]'), "states no version"),
        (("[project]", "[project"), "cannot be read"),
        (("[project]", "[other]"), "cannot be read"),
    ],
)
def test_metadata_that_is_not_upstreams(
    index: Path, cache: Path, tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    pin = pin_for(write_sdist(index, "2.0.1"), "2.0.1")
    files = release_files("2.0.1")
    files["pyproject.toml"] = files["pyproject.toml"].decode().replace(*change).encode()
    with pytest.raises(ToolError, match=message):
        load_source(pin, str(write_tree(tmp_path / "p", files)), submodule=tmp_path / "u", cache=cache)


def test_a_path_that_does_not_exist(index: Path, cache: Path, tmp_path: Path) -> None:
    pin = pin_for(write_sdist(index, "2.0.1"), "2.0.1")
    with pytest.raises(ToolError, match="no such file"):
        load_source(pin, str(tmp_path / "gone"), submodule=tmp_path / "u", cache=cache)
    (tmp_path / "text").write_text("x")
    with pytest.raises(ToolError, match="not a readable source archive"):
        load_source(pin, str(tmp_path / "text"), submodule=tmp_path / "u", cache=cache)


def test_a_path_with_another_release_than_asked_for(index: Path, cache: Path, tmp_path: Path) -> None:
    pin = pin_for(write_sdist(index, "2.0.1"), "2.0.1")
    other = write_sdist(tmp_path, "1.9.0")
    with pytest.raises(ToolError, match=r"holds DSPy 1\.9\.0.*\n.*--upstream 1\.9\.0"):
        load_source(pin, str(other), submodule=tmp_path / "u", cache=cache)
    assert load_source(pin, str(other), "1.9.0", submodule=tmp_path / "u", cache=cache).version == "1.9.0"


# --- the real release -------------------------------------------------------------------------------------------------


def test_the_pinned_release_is_what_the_index_publishes() -> None:
    project = find_project(Path(__file__).parent)
    pin = load_pin(project.pin)
    tree = load_source(pin, "sdist", submodule=project.upstream, cache=cache_directory())
    assert tree.version == pin.version
    assert f'version="{pin.version}"'.encode() in tree.files["pyproject.toml"]
    assert "dspy/primitives/runner.js" in tree.files
    if any(project.upstream.iterdir()):
        # A filled submodule gives the same bytes; a clone without it has only the archive to read.
        assert load_source(pin, "submodule", submodule=project.upstream, cache=cache_directory()).files == tree.files
