"""The library that programs are migrated to, made once."""

from __future__ import annotations

import pytest

from tests.support.library import Library, cached_library

collect_ignore = ["cases", "apps"]


@pytest.fixture(scope="session")
def library(request: pytest.FixtureRequest) -> Library:
    """The pinned release, as programs that use it see it."""
    return cached_library(request.config.cache.mkdir("library"))
