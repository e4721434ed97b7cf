import dspy
import pytest
from dspy.utils.dummies import DummyLM


@pytest.fixture
async def answer():
    with dspy.context(lm=DummyLM([{"b": "1"}])) as inner_settings:
        return await dspy.Predict("a -> b")(inner_settings, a="x")


async def test_one(answer):
    with dspy.context(lm=DummyLM([{"b": "1"}])) as inner_settings:
        assert await dspy.Predict("a -> b")(inner_settings, a="x") == answer
