from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from codemods.errors import ToolError, UsageError
from codemods.pin import load_pin, normal_version
from codemods.project import CACHE_VARIABLE, cache_directory, find_project

GOOD = f'version = "1.2.3"\ncommit = "{"a" * 40}"\nsdist_sha256 = "{"b" * 64}"\nresolved_on = 2026-01-02\n'


def test_reads_a_pin(tmp_path: Path) -> None:
    file = tmp_path / "pin.toml"
    file.write_text(GOOD)
    pin = load_pin(file)
    assert (pin.version, pin.commit, pin.sdist_sha256) == ("1.2.3", "a" * 40, "b" * 64)
    assert pin.resolved_on == datetime.date(2026, 1, 2)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (GOOD.replace("a" * 40, "main"), "commit"),
        (GOOD.replace("b" * 64, "b" * 63), "sdist_sha256"),
        (GOOD.replace("1.2.3", "latest"), "version"),
        (GOOD.replace("2026-01-02", '"soon"'), "resolved_on"),
        (GOOD + "extra = 1\n", "extra"),
        (GOOD.split("\n", 1)[1], "version"),
        ("version = ", "TOML"),
    ],
)
def test_a_bad_pin_is_named(tmp_path: Path, text: str, named: str) -> None:
    file = tmp_path / "pin.toml"
    file.write_text(text)
    with pytest.raises(ToolError, match=named) as caught:
        load_pin(file)
    assert str(file) in caught.value.problem
    assert caught.value.remedy


def test_a_missing_pin_says_how_to_get_it_back(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="git checkout"):
        load_pin(tmp_path / "pin.toml")


def test_the_repository_has_a_valid_pin() -> None:
    project = find_project(Path(__file__).parent)
    assert load_pin(project.pin).version


def test_versions_are_spelled_as_indexes_spell_them() -> None:
    assert normal_version("v3.3.0") == "3.3.0"
    with pytest.raises(UsageError, match="newest"):
        normal_version("newest")


def test_project_is_found_from_inside_and_from_elsewhere(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[1]
    assert find_project(root / "tests").root == root
    # Outside any checkout the one the package was installed from serves.
    assert find_project(tmp_path).root == root
    (tmp_path / "patches").mkdir()
    (tmp_path / "pin.toml").write_text(GOOD)
    assert find_project(tmp_path / "patches").root == tmp_path.resolve()


def test_cache_directory_can_be_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    assert cache_directory() == tmp_path
    monkeypatch.delenv(CACHE_VARIABLE)
    assert cache_directory().name == "dspy-async"
