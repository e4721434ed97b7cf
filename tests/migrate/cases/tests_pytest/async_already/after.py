import dspy
import pytest
from dspy.utils.dummies import DummyLM


@pytest.mark.asyncio
async def test_acall():
    with dspy.context(lm=DummyLM([{"b": "1"}])) as inner_settings:
        program = dspy.Predict("a -> b")
        assert (await program.acall(inner_settings, a="x")).b == "1"


@pytest.mark.asyncio
async def test_mixed():
    dspy.configure(lm=DummyLM([{"b": "1"}, {"b": "2"}]))
    program = dspy.Predict("a -> b")
    first = await program.acall(dspy.settings, a="x")
    second = await program(dspy.settings, a="y")
    assert (first.b, second.b) == ("1", "2")
