"""Language models that users write: both contracts, either name of the method; and `DummyLM`."""

import asyncio
from types import SimpleNamespace

import dspy
import pytest
from dspy.utils import DummyLM

from tests.generated.support import Recorder, fields

SETTINGS = dspy.Settings()
FORMS = ["forward with settings", "aforward with settings"]


def response(text: str):
    """An OpenAI-like response."""
    message = SimpleNamespace(content=text, tool_calls=None)
    return SimpleNamespace(
        choices=[SimpleNamespace(message=message, finish_reason="stop")],
        usage={"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
        model="custom",
    )


class ByForward(dspy.BaseLM):
    async def forward(self, settings, /, prompt=None, messages=None, **kwargs):
        assert isinstance(settings, dspy.Settings)
        await asyncio.sleep(0)
        return response(prompt or messages[-1]["content"][-40:])


class ByAforward(dspy.BaseLM):
    async def aforward(self, settings, /, prompt=None, messages=None, **kwargs):
        assert isinstance(settings, dspy.Settings)
        await asyncio.sleep(0)
        return response(prompt or messages[-1]["content"][-40:])


class WithUpstreamsForwardToo(ByAforward):
    def forward(self, prompt=None, messages=None, **kwargs):
        return response(f"plain {prompt or messages[-1]['content'][-40:]}")

    async def aforward(self, settings, /, prompt=None, messages=None, **kwargs):
        assert self.forward(prompt, messages).choices[0].message.content.startswith("plain ")
        return await super().aforward(settings, prompt=prompt, messages=messages, **kwargs)


class TypedByForward(dspy.BaseLM):
    forward_contract = "typed_lm"

    async def forward(self, settings, request):
        assert isinstance(settings, dspy.Settings)
        return dspy.LMResponse.from_text(request.messages[-1].text, model=request.model)


class TypedByAforward(dspy.BaseLM):
    forward_contract = "typed_lm"

    async def aforward(self, settings, request):
        assert isinstance(settings, dspy.Settings)
        return dspy.LMResponse.from_text(request.messages[-1].text, model=request.model)


ALL = [ByForward, ByAforward, WithUpstreamsForwardToo, TypedByForward, TypedByAforward]


@pytest.mark.parametrize("cls", ALL)
class TestEach:
    """What holds for both contracts, whichever name the method goes by."""

    @pytest.mark.api("4.3", "2.4")
    async def test_it_is_called_like_any_other(self, cls):
        lm = cls(model="mine")
        assert await lm(SETTINGS, "hi") == ["hi"]
        assert await lm.acall(SETTINGS, "hi") == ["hi"]
        assert await lm(prompt="hi", settings=SETTINGS) == ["hi"]
        assert len(lm.history) == 3

    async def test_typed_requests(self, cls):
        lm = cls(model="mine")
        request = dspy.LMRequest.from_call(model="mine", items=("hi",))
        assert (await lm(SETTINGS, request)).text == "hi"
        assert (await lm(SETTINGS.context(experimental=True), dspy.User("ho"))).text == "ho"

    @pytest.mark.api("2.7")
    async def test_callbacks_and_missing_settings(self, cls):
        recorder = Recorder()
        lm = cls(model="mine", callbacks=[recorder])
        await lm(SETTINGS, "hi")
        assert recorder.names == ["lm start", "lm end"]
        with pytest.raises(TypeError, match=cls.__name__):
            await lm("hi")

    async def test_in_a_program(self, cls):
        class Fixed(cls):
            async def forward(self, settings, /, *args, **kwargs):
                text = fields(answer="fixed")
                typed = self.forward_contract == "typed_lm"
                return dspy.LMResponse.from_text(text, model="m") if typed else response(text)

        lm = Fixed(model="mine")
        settings = dspy.Settings(lm=lm, track_usage=True)
        assert (await dspy.Predict("question -> answer")(settings, question="?")).answer == "fixed"


async def test_contracts_are_enforced():
    class Wrong(dspy.BaseLM):
        forward_contract = "typed_lm"

        async def forward(self, settings, request):
            return response("x")

    class Mixed(dspy.BaseLM):
        async def forward(self, settings, /, prompt=None, messages=None, **kwargs):
            return dspy.LMResponse.from_text("x", model="m")

    class Unknown(dspy.BaseLM):
        forward_contract = "other"

    with pytest.raises(TypeError, match=r"to return dspy\.LMResponse"):
        await Wrong(model="m")(SETTINGS, "hi")
    with pytest.raises(
        TypeError, match=r"LMResponse on the legacy direct path\. .* `settings\.context\(experimental=True\)`"
    ):
        await Mixed(model="m")(SETTINGS, "hi")
    assert (await Mixed(model="m")(SETTINGS.context(experimental=True), "hi")).text == "x"
    with pytest.raises(TypeError, match=r"one positional prompt\. Hand over `settings\.context\(experimental=True\)`"):
        await ByForward(model="m")(SETTINGS, "hi", "ho")
    with pytest.raises(ValueError, match="must be 'legacy' or 'typed_lm'"):
        await Unknown(model="m")(SETTINGS, "hi")


async def test_neither_method():
    with pytest.raises(NotImplementedError, match="Subclasses must implement"):
        await dspy.BaseLM(model="m")(SETTINGS, "hi")


async def test_a_call_of_ones_own():
    """A subclass that overrides the call itself, by its older name."""

    class Loud(ByForward):
        async def acall(self, settings, /, *args, **kwargs):
            return [text.upper() for text in await super().acall(settings, *args, **kwargs)]

    assert await Loud(model="m")(SETTINGS, "hi") == ["HI"]
    assert await Loud(model="m").acall(SETTINGS, "hi") == ["HI"]


async def test_usage_is_counted():
    settings = dspy.Settings(lm=ByForward(model="mine"), track_usage=True, adapter=Fixed())
    prediction = await dspy.Predict("question -> answer")(settings, question="?")
    assert prediction.get_lm_usage() == {"mine": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}}


async def test_usage_of_calls_at_once_is_counted_for_each():
    settings = dspy.Settings(lm=ByForward(model="mine"), track_usage=True, adapter=Fixed())
    predict = dspy.Predict("question -> answer")
    predictions = await asyncio.gather(*(predict(settings, question=str(number)) for number in range(4)))
    counted = {"mine": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}}
    assert [prediction.get_lm_usage() for prediction in predictions] == [counted] * 4


class Fixed(dspy.ChatAdapter):
    """Takes any answer."""

    async def parse(self, settings, signature, completion):
        return {"answer": completion}


class TestDummyLM:
    """`DummyLM`, for users' own tests."""

    async def test_a_list(self):
        lm = DummyLM([{"answer": "a"}, {"answer": "b"}])
        predict, settings = dspy.Predict("question -> answer"), dspy.Settings(lm=lm)
        found = [(await predict(settings, question="?")).answer for _ in range(3)]
        assert found == ["a", "b", "No more responses"]
        messages, outputs = lm.get_convo(0)
        assert messages[-1]["role"] == "user" and "a" in outputs[0]

    async def test_by_question(self):
        lm = DummyLM({"sky": {"answer": "blue"}, "grass": {"answer": "green"}})
        predict, settings = dspy.Predict("question -> answer"), dspy.Settings(lm=lm)
        found = await asyncio.gather(*(predict(settings, question=text) for text in ("the grass", "the sky")))
        assert [each.answer for each in found] == ["green", "blue"]

    async def test_following_examples(self):
        lm = DummyLM([], follow_examples=True)
        predict = dspy.Predict("input -> output")
        predict.demos = [dspy.Example(input="x", output="seen")]
        assert (await predict(dspy.Settings(lm=lm), input="x")).output == "seen"

    async def test_reasoning_and_other_adapters(self):
        lm = DummyLM([{"answer": "a"}], adapter=dspy.JSONAdapter(), reasoning=True)
        settings = dspy.Settings(lm=lm, adapter=dspy.JSONAdapter())
        assert (await dspy.Predict("question -> answer")(settings, question="?")).answer == "a"

    async def test_several_choices(self):
        lm = DummyLM([{"answer": "a"}, {"answer": "b"}])
        found = await dspy.Predict("question -> answer", n=2)(dspy.Settings(lm=lm), question="?")
        assert found.completions.answer == ["a", "b"]

    async def test_both_names(self):
        lm = DummyLM([{"answer": "a"}] * 2)
        assert await lm(SETTINGS, "hi") == await lm.acall(SETTINGS, "hi")
        assert DummyLM.forward is DummyLM.aforward
