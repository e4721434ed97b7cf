"""Each optimizer with a scripted model: the same requests, demos, instructions and scores as upstream's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.generated.beside_upstream import run_upstream, same
from tests.generated.optimizers import programs


@pytest.fixture(scope="module")
def upstream(upstream_folder: Path) -> dict[str, Any]:
    return run_upstream(upstream_folder, programs.__name__)


@pytest.mark.api("2.18", "6.2", "6.3")
@pytest.mark.usefixtures("nobody_reads_the_process_settings")
@pytest.mark.parametrize("name", programs.PROGRAMS)
async def test_same_requests_and_results(name: str, upstream: dict[str, Any]):
    await same(programs.PROGRAMS[name], upstream[name])
