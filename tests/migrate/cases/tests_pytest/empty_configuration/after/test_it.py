import dspy
import pytest
import pytest_asyncio
from dspy.utils.dummies import DummyLM


@pytest_asyncio.fixture
async def answer():
    with dspy.context(lm=DummyLM([{"b": "1"}])) as inner_settings:
        return await dspy.Predict("a -> b")(inner_settings, a="x")


@pytest.mark.asyncio
async def test_one(answer):
    with dspy.context(lm=DummyLM([{"b": "1"}])) as inner_settings:
        assert await dspy.Predict("a -> b")(inner_settings, a="x") == answer
