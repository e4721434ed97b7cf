import dspy
import pytest


@pytest.mark.asyncio
async def test_one(answering, ask):
    with dspy.context(lm=answering("a")) as inner_settings:
        assert await ask(inner_settings, "?") == "a"


@pytest.mark.asyncio
async def test_history(answering):
    lm = answering("a", "b")
    with dspy.context(lm=lm) as inner_settings:
        for _ in range(2):
            await dspy.Predict("question -> answer")(inner_settings, question="?")
    assert len(lm.history) == 2
