import dspy
import pytest
from dspy.utils.dummies import DummyLM


def test_answer():
    dspy.configure(lm=DummyLM([{"answer": "blue"}]))
    assert dspy.Predict("question -> answer")(question="Sky?").answer == "blue"


def test_in_a_block():
    lm = DummyLM([{"answer": "green"}])
    with dspy.context(lm=lm):
        prediction = dspy.Predict("question -> answer")(question="Grass?")
        assert dspy.settings.lm is lm
    assert prediction.answer == "green"
    assert len(lm.history) == 1


def test_wrong_input():
    with pytest.raises(ValueError, match="No LM"):
        dspy.Predict("question -> answer")(question="?")


def test_signature():
    assert list(dspy.Signature("a, b -> c").input_fields) == ["a", "b"]
