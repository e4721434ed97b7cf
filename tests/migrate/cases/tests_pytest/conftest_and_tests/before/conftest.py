import dspy
import pytest
from dspy.utils.dummies import DummyLM


@pytest.fixture
def answering():
    def make(*answers):
        return DummyLM([{"answer": each} for each in answers])

    return make


@pytest.fixture
def ask():
    def ask(question):
        return dspy.Predict("question -> answer")(question=question).answer

    return ask
