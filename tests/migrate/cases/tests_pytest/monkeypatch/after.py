import dspy
import litellm
import pytest


async def fake_completion(**request):
    return litellm.ModelResponse(choices=[{"message": {"content": request["model"]}}])


@pytest.mark.asyncio
async def test_function(monkeypatch):
    monkeypatch.setattr(litellm, "acompletion", fake_completion)
    assert await dspy.LM("openai/none", cache=False)(dspy.settings, "x") == ["openai/none"]


@pytest.mark.asyncio
async def test_lambda(monkeypatch):
    async def acompletion(**request):
        return await fake_completion(model="other")

    monkeypatch.setattr("litellm.acompletion", acompletion)
    assert await dspy.LM("openai/none", cache=False)(dspy.settings, "x") == ["other"]


@pytest.mark.asyncio
async def test_method(monkeypatch):
    async def forward(self, settings: dspy.Settings, /, **kwargs):
        return dspy.Prediction(answer="patched")

    monkeypatch.setattr(dspy.Predict, "forward", forward)
    assert (await dspy.Predict("question -> answer")(dspy.settings, question="?")).answer == "patched"


def test_environment(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    with pytest.raises(ValueError):
        dspy.LM(None)
