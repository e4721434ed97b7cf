import dspy
import pytest
from dspy.utils.dummies import DummyLM


@pytest.mark.asyncio
async def test_answer():
    dspy.configure(lm=DummyLM([{"answer": "blue"}]))
    assert (await dspy.Predict("question -> answer")(dspy.settings, question="Sky?")).answer == "blue"


@pytest.mark.asyncio
async def test_in_a_block():
    lm = DummyLM([{"answer": "green"}])
    with dspy.context(lm=lm) as inner_settings:
        prediction = await dspy.Predict("question -> answer")(inner_settings, question="Grass?")
        assert inner_settings.lm is lm
    assert prediction.answer == "green"
    assert len(lm.history) == 1


@pytest.mark.asyncio
async def test_wrong_input():
    with pytest.raises(ValueError, match="No LM"):
        await dspy.Predict("question -> answer")(dspy.settings, question="?")


def test_signature():
    assert list(dspy.Signature("a, b -> c").input_fields) == ["a", "b"]
