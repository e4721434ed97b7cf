"""Adapters: awaited, called with settings, overridable, told to callbacks once."""

import asyncio
import json
from typing import Literal

import dspy
import pydantic
import pytest
from dspy.adapters import utils as adapter_utils
from dspy.adapters.baml_adapter import BAMLAdapter

from tests.generated.support import Recorder, fields, lm_at, scripted
from tests.support.model_server import Answer, Call, ModelServer


class Person(pydantic.BaseModel):
    name: str
    age: int


class Extract(dspy.Signature):
    """Extract people."""

    text: str = dspy.InputField()
    people: list[Person] = dspy.OutputField()
    mood: Literal["good", "bad"] = dspy.OutputField()


VALUES = {"people": [{"name": "Ada", "age": 36}], "mood": "good"}
CHAT = fields(people=json.dumps(VALUES["people"]), mood="good")
XML = f"<people>{json.dumps(VALUES['people'])}</people><mood>good</mood>"

ADAPTERS = {
    "chat": (dspy.ChatAdapter, CHAT),
    "json": (dspy.JSONAdapter, json.dumps(VALUES)),
    "xml": (dspy.XMLAdapter, XML),
    "baml": (BAMLAdapter, json.dumps(VALUES)),
}


@pytest.mark.parametrize("name", ADAPTERS)
class TestEach:
    """What holds for each of the adapters that ask once."""

    async def test_over_http(self, server: ModelServer, name: str):
        kind, answer = ADAPTERS[name]
        server.on(answer)
        settings = dspy.Settings(lm=lm_at(server, "gpt-4o-mini"), adapter=kind())
        prediction = await dspy.Predict(Extract)(settings, text="Ada is 36")
        assert prediction.people == [Person(name="Ada", age=36)] and prediction.mood == "good"
        assert len(server.requests) == 1
        if name in ("json", "baml"):
            assert server.requests[0].body["response_format"]["type"] == "json_schema"

    @pytest.mark.api("1.3")
    async def test_called_directly(self, name: str):
        kind, answer = ADAPTERS[name]
        _, lm = scripted(answer, answer)
        settings, adapter = dspy.Settings(), kind()
        arguments = {"lm": lm, "lm_kwargs": {}, "signature": Extract, "demos": [], "inputs": {"text": "t"}}
        (found,) = await adapter(settings, **arguments)
        assert found["mood"] == "good"
        assert await adapter.acall(settings, **arguments) == [found]
        messages = await adapter.format(settings, Extract, [], {"text": "t"})
        assert messages == lm.history[0]["messages"]
        assert await adapter.parse(settings, Extract, answer) == found

    @pytest.mark.api("1.3", "3.7")
    async def test_callbacks(self, name: str):
        kind, answer = ADAPTERS[name]
        _, lm = scripted(answer)
        recorder = Recorder()
        settings = dspy.Settings(lm=lm, adapter=kind(), callbacks=[recorder])
        await dspy.Predict(Extract)(settings, text="t")
        assert {"adapter_format start", "adapter_format end", "adapter_parse start", "adapter_parse end"} <= set(
            recorder.names
        )
        inputs = dict(recorder.events)["adapter_format start"]
        assert set(inputs) == {"signature", "demos", "inputs"}
        assert dict(recorder.events)["adapter_parse end"]["mood"] == "good"

    async def test_what_cannot_be_parsed(self, name: str):
        kind, _ = ADAPTERS[name]
        _, lm = scripted(*["nothing of use"] * 3)
        with pytest.raises(dspy.AdapterParseError) as caught:
            await dspy.Predict(Extract)(dspy.Settings(lm=lm, adapter=kind()), text="t")
        assert caught.value.lm_response == "nothing of use"

    async def test_own_callbacks(self, name: str):
        kind, answer = ADAPTERS[name]
        _, lm = scripted(answer)
        recorder = Recorder()
        await dspy.Predict(Extract)(dspy.Settings(lm=lm, adapter=kind(callbacks=[recorder])), text="t")
        assert set(recorder.names) == {
            "adapter_format start", "adapter_format end", "adapter_parse start", "adapter_parse end",
        }  # fmt: skip


class TestFallbacks:
    """When the first way does not work."""

    async def test_chat_to_json(self, server: ModelServer):
        server.script("nonsense", json.dumps(VALUES))
        settings = dspy.Settings(lm=lm_at(server, "gpt-4o-mini"))
        assert (await dspy.Predict(Extract)(settings, text="t")).mood == "good"
        first, second = server.requests
        assert "response_format" not in first.body and second.body["response_format"]["type"] == "json_schema"

    async def test_chat_without(self):
        side, lm = scripted("nonsense", json.dumps(VALUES))
        adapter = dspy.ChatAdapter(use_json_adapter_fallback=False)
        with pytest.raises(dspy.AdapterParseError):
            await dspy.Predict(Extract)(dspy.Settings(lm=lm, adapter=adapter), text="t")
        assert len(side.log) == 1

    async def test_json_schema_to_json_mode(self, server: ModelServer):
        server.script("nonsense", json.dumps(VALUES))
        settings = dspy.Settings(lm=lm_at(server, "gpt-4o-mini"), adapter=dspy.JSONAdapter())
        assert (await dspy.Predict(Extract)(settings, text="t")).mood == "good"
        assert [request.body["response_format"]["type"] for request in server.requests] == [
            "json_schema",
            "json_object",
        ]

    async def test_json_without_support(self):
        side, lm = scripted(json.dumps(VALUES))
        assert (await dspy.Predict(Extract)(dspy.Settings(lm=lm, adapter=dspy.JSONAdapter()), text="t")).mood == "good"
        assert "response_format" not in side.log[0]["kwargs"]

    async def test_open_ended_types_use_json_mode(self):
        side, lm = scripted('{"facts": {"a": 1}}', structured=True)
        settings = dspy.Settings(lm=lm, adapter=dspy.JSONAdapter())
        assert (await dspy.Predict("text -> facts: dict[str, int]")(settings, text="t")).facts == {"a": 1}
        assert side.log[0]["kwargs"]["response_format"] == {"type": "json_object"}


class TestTwoStep:
    """A second model reads what the first one wrote."""

    async def test_it(self, server: ModelServer):
        server.on("Ada is 36, how nice", model="big")
        server.on(CHAT, model="small")
        recorder = Recorder()
        adapter = dspy.TwoStepAdapter(lm_at(server, "small"))
        settings = dspy.Settings(lm=lm_at(server, "big"), adapter=adapter, callbacks=[recorder])
        prediction = await dspy.Predict(Extract)(settings, text="t")
        assert prediction.people == [Person(name="Ada", age=36)]
        assert [request.model for request in server.requests] == ["big", "small"]
        assert "Ada is 36, how nice" in server.requests[1].last
        # The adapter's own format and parse, and within parse those of the chat adapter.
        assert recorder.names.count("adapter_format start") == recorder.names.count("adapter_format end") == 2
        assert recorder.names.count("adapter_parse start") == recorder.names.count("adapter_parse end") == 2

    async def test_several_choices(self, server: ModelServer):
        server.on(Answer(["Ada", "Bob"]), model="big")
        server.on(fields(name="Ada"), model="small", contains="Ada")
        server.on(fields(name="Bob"), model="small", contains="Bob")
        settings = dspy.Settings(lm=lm_at(server, "big"), adapter=dspy.TwoStepAdapter(lm_at(server, "small")))
        found = await dspy.Predict("text -> name", n=2)(settings, text="t")
        assert found.completions.name == ["Ada", "Bob"]

    async def test_failures(self):
        _, big = scripted("text")
        _, small = scripted(*["nonsense"] * 3)
        with pytest.raises(dspy.AdapterParseError, match="Failed to parse response from the original completion"):
            await dspy.Predict(Extract)(dspy.Settings(lm=big, adapter=dspy.TwoStepAdapter(small)), text="t")
        with pytest.raises(ValueError, match=r"must be an instance of dspy\.BaseLM"):
            dspy.TwoStepAdapter("openai/m")


class TestOfOnesOwn:
    """Adapters that users write."""

    @pytest.mark.api("1.3")
    async def test_overriding_format_and_parse(self):
        class Mine(dspy.ChatAdapter):
            async def format(self, settings, signature, demos, inputs):
                await asyncio.sleep(0)
                return [{"role": "user", "content": f"{settings.mark} {inputs}"}]

            async def parse(self, settings, signature, completion):
                await asyncio.sleep(0)
                return {"answer": completion + settings.mark}

        side, lm = scripted("a")
        recorder = Recorder()
        settings = dspy.Settings(lm=lm, adapter=Mine(), mark="!", callbacks=[recorder])
        assert (await dspy.Predict("question -> answer")(settings, question="?")).answer == "a!"
        assert side.log[0]["messages"] == [{"role": "user", "content": "! {'question': '?'}"}]
        assert recorder.names.count("adapter_format start") == 1

    @pytest.mark.api("3.9")
    async def test_plain_methods_do_too(self):
        """An adapter written for upstream, whose `format` and `parse` are not async and know no settings."""

        class Mine(dspy.Adapter):
            def format(self, signature, demos, inputs):
                return [{"role": "user", "content": str(inputs)}]

            def parse(self, signature, completion):
                return {"answer": completion}

        _, lm = scripted("a")
        settings = dspy.Settings(lm=lm, adapter=Mine())
        assert (await dspy.Predict("question -> answer")(settings, question="?")).answer == "a"

    @pytest.mark.api("4.3")
    @pytest.mark.parametrize("name", ["__call__", "acall"])
    async def test_overriding_the_call(self, name: str):
        async def call(self, settings, lm, lm_kwargs, signature, demos, inputs):
            found = await super(cls, self).__call__(settings, lm, lm_kwargs, signature, demos, inputs)
            return [{**each, "answer": each["answer"] + "!"} for each in found]

        cls = type("Mine", (dspy.ChatAdapter,), {name: call})
        _, lm = scripted(fields(answer="a"))
        settings = dspy.Settings(lm=lm, adapter=cls())
        assert (await dspy.Predict("question -> answer")(settings, question="?")).answer == "a!"

    @pytest.mark.api("4.2")
    @pytest.mark.parametrize("name", ["_call_lm", "_acall_lm"])
    async def test_overriding_a_hook_under_either_name(self, name: str):
        async def call(self, settings, lm, request):
            asked.append(request)
            return await getattr(super(cls, self), name)(settings, lm, request)

        asked: list[object] = []
        cls = type("Mine", (dspy.ChatAdapter,), {name: call})
        _, lm = scripted(fields(answer="a"))
        settings = dspy.Settings(lm=lm, adapter=cls())
        assert (await dspy.Predict("question -> answer")(settings, question="?")).answer == "a"
        assert len(asked) == 1

    @pytest.mark.api("4.3")
    async def test_a_plain_call_beside_an_async_one(self):
        class Mine(dspy.ChatAdapter):
            def __call__(self, lm, lm_kwargs, signature, demos, inputs):
                raise AssertionError("plain")

            async def acall(self, settings, lm, lm_kwargs, signature, demos, inputs):
                return [{"answer": "async"}]

        _, lm = scripted()
        settings = dspy.Settings(lm=lm, adapter=Mine())
        assert (await dspy.Predict("question -> answer")(settings, question="?")).answer == "async"

    async def test_formatting_helpers_are_plain(self):
        adapter = dspy.ChatAdapter()
        text = adapter.format_user_message_content(dspy.Signature("a -> b"), {"a": "x"})
        assert "[[ ## a ## ]]\nx" in text
        assert "[[ ## b ## ]]" in adapter.format_field_structure(dspy.Signature("a -> b"))
        assert adapter.format_assistant_message_content(dspy.Signature("a -> b"), {"b": "y"}).startswith("[[ ## b")


async def test_native_tools_over_http(server: ModelServer):
    async def look(settings, query: str) -> str:
        """Looks."""
        return query.upper()

    class Pick(dspy.Signature):
        question: str = dspy.InputField()
        tools: list[dspy.Tool] = dspy.InputField()
        calls: dspy.ToolCalls = dspy.OutputField()

    server.on(Answer("", calls=[Call("look", {"query": "x"})]))
    adapter = dspy.ChatAdapter(use_native_function_calling=True, parallel_tool_calls=False)
    settings = dspy.Settings(lm=lm_at(server, "gpt-4o-mini"), adapter=adapter)
    tool = dspy.Tool(look)
    prediction = await dspy.Predict(Pick)(settings, question="?", tools=[tool])
    (call,) = prediction.calls.tool_calls
    assert await tool(settings, **call.args) == "X"
    (request,) = server.requests
    assert [each["function"]["name"] for each in request.body["tools"]] == ["look"]
    assert list(request.body["tools"][0]["function"]["parameters"]["properties"]) == ["query"]
    assert request.body["parallel_tool_calls"] is False


class TestEvidence:
    async def test_calls_in_the_block_are_recorded(self):
        decision = pytest.importorskip("dspy.adapters.decision", reason="releases before 3.4 record no evidence")
        settings = dspy.Settings()
        with decision.record_evidence(settings) as evidence:
            assert evidence == [] and evidence.settings is not settings
            assert evidence.settings._decision_evidence[0] is evidence


class TestSerialization:
    """What stands in a prompt for a value that is no text."""

    def test_an_adapter_is_built_once_for_each_class(self, monkeypatch):
        built = []

        class Counting(pydantic.TypeAdapter):
            def __init__(self, kind):
                built.append(kind)
                super().__init__(kind)

        class Own(pydantic.BaseModel):
            name: str

        monkeypatch.setattr(adapter_utils, "TypeAdapter", Counting)
        values = [adapter_utils.serialize_for_json(Own(name=name)) for name in ("Ada", "Grace", "Ada")]
        assert values == [{"name": "Ada"}, {"name": "Grace"}, {"name": "Ada"}]
        assert built == [Own]

    def test_values_are_serialized_as_ever(self):
        class Strange:
            def __str__(self):
                return "strange"

        class Own(pydantic.BaseModel):
            """Another class of the same name, with other fields."""

            age: int

        given = [None, "text", 1.5, {"a": (1, 2)}, Person(name="Ada", age=36), Strange(), Own(age=3), {1}]
        wanted = [None, "text", 1.5, {"a": [1, 2]}, {"name": "Ada", "age": 36}, "strange", {"age": 3}, [1]]
        for _ in range(2):
            assert [adapter_utils.serialize_for_json(value) for value in given] == wanted
