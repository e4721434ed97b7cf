import dspy
import pytest
from dspy.utils import DummyLM


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.mark.anyio
async def test_already():
    with dspy.context(lm=DummyLM([{"b": "1"}])):
        assert (await dspy.Predict("a -> b").acall(a="x")).b == "1"


def test_sync():
    with dspy.context(lm=DummyLM([{"b": "1"}])):
        assert dspy.Predict("a -> b")(a="x").b == "1"
