import dspy
import pytest
from dspy.utils.dummies import DummyLM


@pytest.fixture
def answer():
    with dspy.context(lm=DummyLM([{"b": "1"}])):
        return dspy.Predict("a -> b")(a="x")


def test_one(answer):
    with dspy.context(lm=DummyLM([{"b": "1"}])):
        assert dspy.Predict("a -> b")(a="x") == answer
