from unittest.mock import ANY, patch

import dspy
import pytest


@pytest.mark.asyncio
async def test_forward_is_patched():
    with patch.object(dspy.Predict, "forward", return_value=dspy.Prediction(answer="x")) as forward:
        assert (await dspy.Predict("question -> answer")(dspy.settings, question="?")).answer == "x"
    forward.assert_called_once_with(ANY, question="?")


@pytest.mark.asyncio
async def test_call_is_patched():
    with patch("dspy.LM.__call__", return_value=["hello"]) as call:
        assert await dspy.LM("openai/none")(dspy.settings, "hi") == ["hello"]
    call.assert_called_with(ANY, "hi")


def test_something_plain():
    with patch("dspy.Example.toDict", return_value={}) as to_dict:
        assert dspy.Example(a=1).toDict() == {}
    to_dict.assert_called_once_with()
