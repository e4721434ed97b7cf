"""What one of the two packages saves, the other one loads: programs, settings, indexes."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import dspy
import pytest

from tests.generated import saved
from tests.generated.sides import AsyncSide, fields
from tests.support.model_server import Answer, ModelServer, Request

REPOSITORY = Path(__file__).resolve().parents[2]


def on_upstream(upstream_folder: Path, what: str, folder: Path, *rest: str) -> Any:
    """Writes, reads or asks with upstream's package, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.generated.saved", what, str(folder), *rest],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(upstream_folder), str(REPOSITORY)])},
        cwd=upstream_folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)["found"]


async def here(what: str, folder: Path, *rest: str) -> Any:
    """The same with the package at hand."""
    return json.loads(json.dumps(await getattr(saved, what)(AsyncSide(dspy), folder, *rest)))


@pytest.fixture(scope="module")
def upstreams(tmp_path_factory: pytest.TempPathFactory, upstream_folder: Path) -> Path:
    """A folder that upstream has written."""
    folder = tmp_path_factory.mktemp("upstream")
    on_upstream(upstream_folder, "write", folder)
    return folder


@pytest.mark.api("4.11")
async def test_both_read_the_same_in_what_either_wrote(upstreams: Path, upstream_folder: Path, tmp_path: Path):
    """Also that every saved value makes a difference: a program that was never loaded asks something else."""
    await here("write", tmp_path)
    from_upstream, from_here = await here("read", upstreams), await here("read", tmp_path)
    assert from_upstream == from_here
    assert on_upstream(upstream_folder, "read", tmp_path) == from_here
    assert on_upstream(upstream_folder, "read", upstreams) == from_here
    assert "Be brief." in json.dumps(from_here["predict json"]["asked"])
    assert "Nothing of this is left." not in json.dumps(from_here)


@pytest.mark.api("4.11")
async def test_the_same_bytes_are_written(upstreams: Path, tmp_path: Path):
    await here("write", tmp_path)
    files = sorted(path.relative_to(upstreams) for path in upstreams.rglob("*.json"))
    assert len(files) >= 8
    for file in files:
        assert (tmp_path / file).read_bytes() == (upstreams / file).read_bytes(), file


@pytest.mark.api("4.12")
async def test_a_cache_that_one_filled_is_hit_by_the_other(upstream_folder: Path, server: ModelServer, tmp_path: Path):
    def answer(request: Request) -> Answer:
        if "response_format" in request.body:
            return Answer(json.dumps({"people": [], "mood": "bad", "score": request.number}))
        return Answer(fields(answer=f"{request.kind} {request.number}"))

    server.on(answer)

    async def upstreams(folder: Path) -> Any:
        return await asyncio.to_thread(on_upstream, upstream_folder, "ask", folder, server.url)

    from_here = await here("ask", tmp_path / "here", server.url)
    asked = len(server.requests)
    assert asked == len(from_here["keys"]) == 12
    from_upstream = await upstreams(tmp_path / "upstream")
    assert len(server.requests) == 2 * asked
    assert from_upstream["keys"] == from_here["keys"]
    assert from_upstream["said"] != from_here["said"], "the server says something new each time"

    for found, expected in (
        (await upstreams(tmp_path / "here"), from_here),
        (await here("ask", tmp_path / "upstream", server.url), from_upstream),
    ):
        other = [(mine, theirs) for mine, theirs in zip(found["said"], expected["said"], strict=True) if mine != theirs]
        # The answer to a request with a schema upstream itself cannot read back in another process, and asks again.
        assert [set(mine) for mine, _ in other] == [{"example", "people", "mood", "score"}]
    assert len(server.requests) == 2 * asked + 2, "all others were answered from the cache"
