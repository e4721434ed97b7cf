import dspy
import pytest
from dspy.utils.dummies import DummyLM


@pytest.fixture(autouse=True)
def configured():
    with dspy.context(lm=DummyLM([{"echo": "a"}])) as inner_settings:
        yield


@pytest.mark.asyncio
async def test_echo():
    assert (await dspy.Predict("text -> echo")(dspy.settings, text="x")).echo == "a"
