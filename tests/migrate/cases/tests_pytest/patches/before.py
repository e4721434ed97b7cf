from unittest import mock
from unittest.mock import MagicMock, patch

import dspy
import litellm


def reply(text):
    return litellm.ModelResponse(choices=[{"message": {"content": text}}])


def test_decorated():
    with patch("litellm.completion", return_value=reply("hi")) as completion:
        lm = dspy.LM("openai/none", cache=False)
        assert lm("hello") == ["hi"]
    completion.assert_called_once()
    assert completion.call_args.kwargs["model"] == "openai/none"


@mock.patch("litellm.embedding")
def test_embedding(embedding):
    embedding.return_value = MagicMock(data=[{"embedding": [1.0]}])
    dspy.Embedder("openai/none", caching=False)(["a"])
    embedding.assert_called_once()


@patch.object(litellm, "responses", side_effect=RuntimeError("down"))
def test_responses(responses):
    lm = dspy.LM("openai/none", model_type="responses", cache=False)
    try:
        lm("hello")
    except RuntimeError as error:
        assert str(error) == "down"
