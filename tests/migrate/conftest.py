"""The library that programs are migrated to, made once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from codemods.coloring import Coloring
from tests.support.library import Library, converted_release, pinned_release

collect_ignore = ["cases", "apps"]


@pytest.fixture(scope="session")
def release() -> Coloring:
    """The model of the pinned release, as the command takes it from the cache."""
    return pinned_release()


@pytest.fixture(scope="session")
def get_release(release: Coloring) -> Callable[[], Coloring]:
    """For properties: Hypothesis shows the arguments of an example that fails, and the model would take for ever."""
    return lambda: release


@pytest.fixture(scope="session")
def library(release: Coloring) -> Library:
    """The pinned release, as programs that use it see it."""
    return Library(release, converted_release())
