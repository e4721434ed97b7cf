"""Programs that run code send the model the same messages, and give the same results, as upstream's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.generated.beside_upstream import run_upstream, same
from tests.generated.interpreters import programs


@pytest.fixture(scope="module")
def upstream(upstream_folder: Path) -> dict[str, Any]:
    return run_upstream(upstream_folder, programs.__name__)


@pytest.mark.api("6.2", "6.3")
@pytest.mark.parametrize("name", programs.PROGRAMS)
async def test_same_messages_and_results(name: str, upstream: dict[str, Any]):
    await same(programs.PROGRAMS[name], upstream[name])
