import dspy
import pytest
from dspy.utils import DummyLM


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.mark.anyio
async def test_already():
    with dspy.context(lm=DummyLM([{"b": "1"}])) as inner_settings:
        assert (await dspy.Predict("a -> b").acall(inner_settings, a="x")).b == "1"


@pytest.mark.anyio
async def test_sync():
    with dspy.context(lm=DummyLM([{"b": "1"}])) as inner_settings:
        assert (await dspy.Predict("a -> b")(inner_settings, a="x")).b == "1"
