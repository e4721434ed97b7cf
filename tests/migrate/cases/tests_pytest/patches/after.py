from unittest import mock
from unittest.mock import MagicMock, patch

import dspy
import litellm
import pytest


def reply(text):
    return litellm.ModelResponse(choices=[{"message": {"content": text}}])


@pytest.mark.asyncio
async def test_decorated():
    with patch("litellm.acompletion", return_value=reply("hi")) as completion:
        lm = dspy.LM("openai/none", cache=False)
        assert await lm(dspy.settings, "hello") == ["hi"]
    completion.assert_called_once()
    assert completion.call_args.kwargs["model"] == "openai/none"


@pytest.mark.asyncio
@mock.patch("litellm.aembedding")
async def test_embedding(embedding):
    embedding.return_value = MagicMock(data=[{"embedding": [1.0]}])
    await dspy.Embedder("openai/none", caching=False)(dspy.settings, ["a"])
    embedding.assert_called_once()


@pytest.mark.asyncio
@patch.object(litellm, "aresponses", side_effect=RuntimeError("down"))
async def test_responses(responses):
    lm = dspy.LM("openai/none", model_type="responses", cache=False)
    try:
        await lm(dspy.settings, "hello")
    except RuntimeError as error:
        assert str(error) == "down"
