import dspy
import pytest
from dspy.utils.dummies import DummyLM


@pytest.mark.asyncio
async def test_acall():
    with dspy.context(lm=DummyLM([{"b": "1"}])):
        program = dspy.Predict("a -> b")
        assert (await program.acall(a="x")).b == "1"


@pytest.mark.asyncio
async def test_mixed():
    dspy.configure(lm=DummyLM([{"b": "1"}, {"b": "2"}]))
    program = dspy.Predict("a -> b")
    first = await program.acall(a="x")
    second = program(a="y")
    assert (first.b, second.b) == ("1", "2")
