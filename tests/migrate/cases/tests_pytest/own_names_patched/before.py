from unittest.mock import patch

import dspy


def test_forward_is_patched():
    with patch.object(dspy.Predict, "forward", return_value=dspy.Prediction(answer="x")) as forward:
        assert dspy.Predict("question -> answer")(question="?").answer == "x"
    forward.assert_called_once_with(question="?")


def test_call_is_patched():
    with patch("dspy.LM.__call__", return_value=["hello"]) as call:
        assert dspy.LM("openai/none")("hi") == ["hello"]
    call.assert_called_with("hi")


def test_something_plain():
    with patch("dspy.Example.toDict", return_value={}) as to_dict:
        assert dspy.Example(a=1).toDict() == {}
    to_dict.assert_called_once_with()
