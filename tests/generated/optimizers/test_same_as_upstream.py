"""Each optimizer with a scripted model: the same requests, demos, instructions and scores as upstream's."""

import contextlib
import io
import json

import dspy
import pytest

from tests.generated.optimizers.programs import PROGRAMS
from tests.generated.sides import AsyncSide, plain


@pytest.mark.parametrize("name", PROGRAMS)
async def test_same_requests_and_results(name: str, upstream: dict[str, dict[str, object]]):
    side = AsyncSide(dspy)
    with contextlib.redirect_stdout(io.StringIO()):
        result = plain(await PROGRAMS[name](side))
    ours = json.loads(json.dumps({"log": side.log, "result": result}))
    for number, (request, expected) in enumerate(zip(ours["log"], upstream[name]["log"], strict=False)):
        assert request == expected, f"request {number} differs"
    assert len(ours["log"]) == len(upstream[name]["log"])
    assert ours["result"] == upstream[name]["result"]
