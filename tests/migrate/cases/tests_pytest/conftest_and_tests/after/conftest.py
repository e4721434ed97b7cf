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
    async def ask(settings: dspy.Settings, question):
        return (await dspy.Predict("question -> answer")(settings, question=question)).answer

    return ask
