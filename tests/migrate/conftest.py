"""The library that programs are migrated to, made once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from codemods.coloring import Coloring
from codemods.migrate.library import release_library
from codemods.project import cache_directory, find_project
from tests.support.library import Library, cached_library

collect_ignore = ["cases", "apps"]


@pytest.fixture(scope="session")
def release() -> Coloring:
    """The model of the pinned release, as the command takes it from the cache."""
    return release_library(find_project(Path(__file__).parent), cache_directory())


@pytest.fixture(scope="session")
def get_release(release: Coloring) -> Callable[[], Coloring]:
    """For properties: Hypothesis shows the arguments of an example that fails, and the model would take for ever."""
    return lambda: release


@pytest.fixture(scope="session")
def library(request: pytest.FixtureRequest) -> Library:
    """The pinned release, as programs that use it see it."""
    return cached_library(request.config.cache.mkdir("library"))
