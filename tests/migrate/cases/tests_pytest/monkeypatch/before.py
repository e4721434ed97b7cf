import dspy
import litellm
import pytest


def fake_completion(**request):
    return litellm.ModelResponse(choices=[{"message": {"content": request["model"]}}])


def test_function(monkeypatch):
    monkeypatch.setattr(litellm, "completion", fake_completion)
    assert dspy.LM("openai/none", cache=False)("x") == ["openai/none"]


def test_lambda(monkeypatch):
    monkeypatch.setattr("litellm.completion", lambda **request: fake_completion(model="other"))
    assert dspy.LM("openai/none", cache=False)("x") == ["other"]


def test_method(monkeypatch):
    monkeypatch.setattr(dspy.Predict, "forward", lambda self, **kwargs: dspy.Prediction(answer="patched"))
    assert dspy.Predict("question -> answer")(question="?").answer == "patched"


def test_environment(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    with pytest.raises(ValueError):
        dspy.LM(None)
