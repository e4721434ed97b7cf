import dspy
import pytest
from dspy.utils.dummies import DummyLM


@pytest.fixture(autouse=True)
def configured():
    with dspy.context(lm=DummyLM([{"echo": "a"}])):
        yield


def test_echo():
    assert dspy.Predict("text -> echo")(text="x").echo == "a"
