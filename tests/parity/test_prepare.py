"""The two trees, where their tests come from, and what decides that they are made anew."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from codemods.parity.prepare import NoTestsError, read_tests, sources_sha256
from codemods.pin import Pin, load_pin
from codemods.project import Project, find_project
from codemods.sync import SyncOptions
from tests.releases import release_files, write_tree

ROOT = find_project(Path(__file__).parent).root


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    files = {**release_files("2.0.1"), "tests/test_a.py": b"def test_a(): pass\n", "tests/data.json": b"{}"}
    write_tree(tmp_path / "checkout", files)
    (tmp_path / "checkout/tests/__pycache__").mkdir()
    (tmp_path / "checkout/tests/__pycache__/test_a.pyc").write_bytes(b"")
    return tmp_path / "checkout"


def options(root: Path) -> SyncOptions:
    return SyncOptions(project=Project(root), cache=root / "cache")


def any_pin() -> Pin:
    return load_pin(ROOT / "pin.toml")


@pytest.mark.parametrize("given", [".", "tests"])
def test_tests_of_a_checkout_or_its_folder(checkout: Path, given: str) -> None:
    found = read_tests(any_pin(), options(checkout), "2.0.1", checkout / given)
    assert list(found) == ["pyproject.toml", "tests/data.json", "tests/test_a.py"]


def test_where_there_are_no_tests_the_error_says_how_to_get_them(tmp_path: Path, checkout: Path) -> None:
    with pytest.raises(NoTestsError, match="not at hand"):
        read_tests(any_pin(), options(tmp_path), "2.0.1", None)
    shutil.rmtree(checkout / "tests")
    with pytest.raises(NoTestsError, match="holds no tests/") as caught:
        read_tests(any_pin(), options(tmp_path), "2.0.1", checkout)
    assert "--tests" in caught.value.remedy


@pytest.fixture
def toolchain(tmp_path: Path) -> Path:
    """A checkout of the toolchain with only what the digest may look at."""
    for name in ("codemods", "patches"):
        shutil.copytree(ROOT / name, tmp_path / "tool" / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "tool"


@pytest.mark.parametrize(
    "name",
    [
        "codemods/passes/awaits.py",
        "codemods/coloring/spread.py",
        "codemods/rules.toml",
        "codemods/convert.py",
        "codemods/migrate/engine.py",
        "codemods/emit.py",
    ],
)
def test_the_digest_changes_with_what_makes_the_output(toolchain: Path, name: str) -> None:
    before = sources_sha256(toolchain)
    file = toolchain / name
    file.write_bytes(file.read_bytes() + b"\n# changed\n")
    assert sources_sha256(toolchain) != before


def test_the_digest_changes_with_patches_that_come_and_go(toolchain: Path) -> None:
    before = sources_sha256(toolchain)
    (toolchain / "patches/new.toml").write_text("")
    assert sources_sha256(toolchain) != before
    (toolchain / "patches/new.toml").unlink()
    assert sources_sha256(toolchain) == before


@pytest.mark.parametrize("name", ["codemods/cli.py", "codemods/parity/run.py", "codemods/templates/parity.html.j2"])
def test_the_digest_does_not_change_with_what_only_runs_or_reports(toolchain: Path, name: str) -> None:
    before = sources_sha256(toolchain)
    file = toolchain / name
    file.write_bytes(file.read_bytes() + b"\n")
    assert sources_sha256(toolchain) == before


def test_line_ends_do_not_count(toolchain: Path) -> None:
    before = sources_sha256(toolchain)
    file = toolchain / "codemods/rules.toml"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert sources_sha256(toolchain) == before
