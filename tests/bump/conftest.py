"""A package index on loopback, and a checkout that asks it."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest

from codemods.bump import index as index_module
from codemods.bump.index import Offer, ask_index
from codemods.project import CACHE_VARIABLE
from tests.bump.support import World, write_world
from tests.package_index import PackageIndex, serve


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[PackageIndex]:
    """The only index that pip knows."""
    for name in [name for name in os.environ if name.startswith(("PIP_", "GIT_", "UV_"))]:
        monkeypatch.delenv(name)
    folder = tmp_path / "index"
    folder.mkdir()
    with serve(PackageIndex(folder)) as served:
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("PIP_INDEX_URL", served.url)
        monkeypatch.setenv("PIP_RETRIES", "0")
        monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
        yield served


@pytest.fixture(scope="session")
def offers() -> dict[tuple[str | None, str], Offer]:
    """What pip has answered in this run, by the version it was asked for and the index's page."""
    return {}


@pytest.fixture
def pip_is_asked_once(
    index: PackageIndex, offers: dict[tuple[str | None, str], Offer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """pip answers the same to the same question about the same page, which has the hash of every archive.

    It takes a second to say so. What it refuses, or is asked of another index, goes to pip each time.
    """

    def asked(version: str | None) -> Offer:
        if os.environ["PIP_INDEX_URL"] != index.url:
            return ask_index(version)
        question = version, index.page()
        if question not in offers:
            offers[question] = ask_index(version)
        return offers[question]

    monkeypatch.setattr(index_module, "ask_index", asked)


@pytest.fixture
def world(tmp_path: Path, index: PackageIndex, pip_is_asked_once: None, monkeypatch: pytest.MonkeyPatch) -> World:
    """A checkout with the old release pinned."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    made = write_world(tmp_path, index)
    monkeypatch.chdir(made.root)
    return made
