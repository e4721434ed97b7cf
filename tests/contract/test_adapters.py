"""Adapters: what each asks for, what it understands, and what it does with an answer that it does not."""

from typing import Literal

import dspy
import pydantic
import pytest
from dspy.adapters.baml_adapter import BAMLAdapter
from dspy.utils.exceptions import AdapterParseError

from tests.contract.support import ScriptedLM, fields, lm_at


class Person(pydantic.BaseModel):
    name: str = pydantic.Field(description="as in the passport")
    age: int | None = None


class Extract(dspy.Signature):
    """Find the person."""

    text: str = dspy.InputField()
    person: Person = dspy.OutputField()
    mood: Literal["good", "bad"] = dspy.OutputField(desc="of the text")


ADA = Person(name="Ada", age=36)
JSON = '{"person": {"name": "Ada", "age": 36}, "mood": "good"}'
XML = "<person><name>Ada</name><age>36</age></person>\n<mood>good</mood>"
CHAT = fields(person='{"name": "Ada", "age": 36}', mood="good")

ADAPTERS = [
    pytest.param(dspy.ChatAdapter(), CHAT, id="chat"),
    pytest.param(dspy.JSONAdapter(), JSON, id="json"),
    pytest.param(dspy.XMLAdapter(), XML, id="xml"),
    pytest.param(BAMLAdapter(), JSON, id="baml"),
]


@pytest.mark.parametrize(("adapter", "said"), ADAPTERS)
def test_each_adapter_understands_its_own_format(adapter, said):
    lm = ScriptedLM([said])
    with dspy.context(lm=lm, adapter=adapter):
        result = dspy.Predict(Extract)(text="Ada, 36")
    assert (result.person, result.mood) == (ADA, "good")
    assert len(lm.requests) == 1


@pytest.mark.parametrize(("adapter", "said"), ADAPTERS)
def test_each_adapter_shows_instructions_inputs_and_demos(adapter, said):
    lm = ScriptedLM([said])
    predict = dspy.Predict(Extract)
    predict.demos = [dspy.Example(text="Bob here", person=Person(name="Bob"), mood="bad")]
    with dspy.context(lm=lm, adapter=adapter):
        predict(text="Ada, 36")
    roles = [message["role"] for message in lm.requests[0]]
    assert roles == ["system", "user", "assistant", "user"]
    assert "Find the person." in lm.requests[0][0]["content"]
    assert "Bob here" in lm.requests[0][1]["content"]
    assert "Bob" in lm.requests[0][2]["content"]
    assert "Ada, 36" in lm.prompts[0]


@pytest.mark.parametrize(("adapter", "said"), ADAPTERS)
def test_format_and_parse_called_by_hand(adapter, said):
    messages = adapter.format(Extract, [], {"text": "Ada"})
    assert [message["role"] for message in messages] == ["system", "user"]
    assert adapter.parse(Extract, said) == {"person": ADA, "mood": "good"}


@pytest.mark.parametrize(("adapter", "said"), ADAPTERS)
def test_an_adapter_called_by_hand_gives_a_dictionary_for_each_completion(adapter, said):
    lm = ScriptedLM([[said, said]])
    found = adapter(lm, {"n": 2}, Extract, [], {"text": "Ada"})
    assert found == [{"person": ADA, "mood": "good"}] * 2


@pytest.mark.parametrize(("adapter", "said"), ADAPTERS)
def test_what_cannot_be_parsed_is_an_error_that_quotes_it(adapter, said):
    with pytest.raises(AdapterParseError) as caught:
        adapter.parse(Extract, "I would rather not.")
    assert "I would rather not." in str(caught.value)
    assert caught.value.lm_response == "I would rather not."


def test_incomplete_demos_are_marked_and_come_first():
    lm = ScriptedLM([{"a": "x", "b": "y"}])
    predict = dspy.Predict("q -> a, b")
    predict.demos = [dspy.Example(q="full", a="1", b="2"), dspy.Example(q="half", a="1"), dspy.Example(other=1)]
    with dspy.context(lm=lm):
        predict(q="now")
    assert "This is an example of the task, though some input or output fields" in lm.requests[0][1]["content"]
    assert "half" in lm.requests[0][1]["content"]
    assert "Not supplied for this particular example." in lm.requests[0][2]["content"]
    assert "full" in lm.requests[0][3]["content"]
    assert len(lm.requests[0]) == 6


def test_chat_falls_back_to_json_when_the_format_is_not_kept():
    lm = ScriptedLM(["no markers here", '{"answer": "4"}'])
    with dspy.context(lm=lm):
        assert dspy.Predict("question -> answer")(question="2+2").answer == "4"
    assert len(lm.requests) == 2
    assert "JSON object" in lm.prompts[1]


def test_chat_without_fallback_raises():
    lm = ScriptedLM(["no markers here"])
    with dspy.context(lm=lm, adapter=dspy.ChatAdapter(use_json_adapter_fallback=False)):
        with pytest.raises(AdapterParseError, match="no markers here"):
            dspy.Predict("question -> answer")(question="2+2")
    assert len(lm.requests) == 1


def test_when_both_formats_fail_the_error_is_jsons():
    lm = ScriptedLM(["nothing", "nothing again"])
    with dspy.context(lm=lm):
        with pytest.raises(AdapterParseError) as caught:
            dspy.Predict("question -> answer")(question="2+2")
    assert caught.value.adapter_name == "JSONAdapter"


def test_chat_ignores_what_stands_around_the_fields():
    said = "Sure!\n\n[[ ## extra ## ]]\nz\n\n" + fields(answer="4") + "\nbye"
    assert dspy.ChatAdapter().parse(dspy.Signature("q -> answer"), said) == {"answer": "4"}


def test_chat_takes_the_first_of_a_field_that_comes_twice():
    said = "[[ ## a ## ]]\n1\n[[ ## a ## ]]\n2\n[[ ## completed ## ]]"
    assert dspy.ChatAdapter().parse(dspy.Signature("q -> a"), said) == {"a": "1"}


def test_chat_text_behind_the_header_on_the_same_line():
    assert dspy.ChatAdapter().parse(dspy.Signature("q -> a: int"), "[[ ## a ## ]] 7") == {"a": 7}


@pytest.mark.parametrize(
    "said",
    [
        '{"answer": "4", "n": 2}',
        '```json\n{"answer": "4", "n": 2}\n```',
        'Here it is: {"answer": "4", "n": 2}. Good?',
        "{'answer': '4', 'n': 2}",
        '{"answer": "4", "n": "2", "more": 1}',
        '{"answer": "4", "n": 2',
    ],
    ids=["plain", "fenced", "in-text", "single-quotes", "extra", "cut-off"],
)
def test_json_is_mended(said):
    assert dspy.JSONAdapter().parse(dspy.Signature("q -> answer, n: int"), said) == {"answer": "4", "n": 2}


@pytest.mark.parametrize("said", ['{"answer": "4"}', "[1, 2]", ""])
def test_json_that_lacks_a_field(said):
    with pytest.raises(AdapterParseError):
        dspy.JSONAdapter().parse(dspy.Signature("q -> answer, n: int"), said)


def test_json_of_the_wrong_type_is_an_error_of_pydantic():
    with pytest.raises(pydantic.ValidationError, match="many"):
        dspy.JSONAdapter().parse(dspy.Signature("q -> n: int"), '{"n": "many"}')


def test_json_asks_for_a_schema_where_the_model_takes_one(server):
    server.script(JSON)
    with dspy.context(lm=lm_at(server, model="gpt-4o-mini"), adapter=dspy.JSONAdapter()):
        assert dspy.Predict(Extract)(text="Ada").person == ADA
    asked = server.requests[0].body["response_format"]
    assert asked["type"] == "json_schema"
    assert set(asked["json_schema"]["schema"]["properties"]) == {"person", "mood"}


def test_json_falls_back_to_json_mode_when_the_schema_does_not_help(server):
    server.script("not what was asked for", JSON)
    with dspy.context(lm=lm_at(server, model="gpt-4o-mini"), adapter=dspy.JSONAdapter()):
        assert dspy.Predict(Extract)(text="Ada").mood == "good"
    assert [request.body["response_format"]["type"] for request in server.requests] == ["json_schema", "json_object"]


def test_json_does_not_ask_for_a_format_from_an_unknown_model():
    lm = ScriptedLM([JSON])
    with dspy.context(lm=lm, adapter=dspy.JSONAdapter()):
        dspy.Predict(Extract)(text="Ada")
    assert "response_format" not in lm.parameters[0]


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("<names><item>a</item><item>b</item></names>", ["a", "b"]),
        ("<names>\n<item>a</item>\n</names>", ["a"]),
        ('<names>["a", "b"]</names>', ["a", "b"]),
    ],
)
def test_xml_lists(said, value):
    assert dspy.XMLAdapter().parse(dspy.Signature("q -> names: list[str]"), said) == {"names": value}


def test_xml_asks_in_tags():
    content = dspy.XMLAdapter().format(dspy.Signature("question -> answer"), [], {"question": "2+2"})[-1]["content"]
    assert "<question>\n2+2\n</question>" in content
    assert "`<answer>`" in content


def test_baml_writes_the_schema_with_descriptions():
    system = BAMLAdapter().format(Extract, [], {"text": "x"})[0]["content"]
    assert "# as in the passport" in system
    assert "age: int or null" in system


def test_baml_refuses_a_model_within_itself():
    class Node(pydantic.BaseModel):
        name: str
        children: list["Node"]

    signature = dspy.Signature("text -> node: Node", custom_types={"Node": Node})
    with pytest.raises(ValueError, match="recursive"):
        BAMLAdapter().format(signature, [], {"text": "x"})


class TestTwoSteps:
    def test_a_second_model_extracts(self):
        main = ScriptedLM(["The person is Ada, 36, and the mood is good."])
        small = ScriptedLM([CHAT])
        with dspy.context(lm=main, adapter=dspy.TwoStepAdapter(small)):
            result = dspy.Predict(Extract)(text="Ada, 36")
        assert (result.person, result.mood) == (ADA, "good")
        assert "The person is Ada, 36" in small.prompts[0]
        assert "[[ ##" not in main.prompts[0]

    def test_demos_go_to_the_first_model_only(self):
        main, small = ScriptedLM(["four"]), ScriptedLM([fields(answer="4")])
        predict = dspy.Predict("question -> answer")
        predict.demos = [dspy.Example(question="1+1", answer="2")]
        with dspy.context(lm=main, adapter=dspy.TwoStepAdapter(small)):
            assert predict(question="2+2").answer == "4"
        assert len(main.requests[0]) == 4
        assert len(small.requests[0]) == 2

    def test_several_completions_are_extracted_each(self):
        main, small = ScriptedLM([["one", "two"]]), ScriptedLM([fields(answer="1"), fields(answer="2")])
        with dspy.context(lm=main, adapter=dspy.TwoStepAdapter(small)):
            result = dspy.Predict("question -> answer", n=2)(question="q")
        assert result.completions.answer == ["1", "2"]

    def test_what_cannot_be_extracted_is_an_error(self):
        main, small = ScriptedLM(["hm"]), ScriptedLM(["hm"] * 2)
        with dspy.context(lm=main, adapter=dspy.TwoStepAdapter(small)):
            with pytest.raises(AdapterParseError, match="hm"):
                dspy.Predict(Extract)(text="x")

    def test_by_hand(self):
        adapter = dspy.TwoStepAdapter(ScriptedLM([CHAT]))
        assert adapter.format(Extract, [], {"text": "x"})[0]["role"] == "system"
        assert adapter.parse(Extract, "whatever") == {"person": ADA, "mood": "good"}

    def test_the_extraction_model_must_be_a_model(self):
        with pytest.raises(ValueError, match="extraction_model"):
            dspy.TwoStepAdapter("openai/gpt")


@pytest.mark.parametrize("adapter", [dspy.ChatAdapter(), dspy.JSONAdapter()], ids=["chat", "json"])
def test_finetune_data_is_a_whole_conversation(adapter):
    if isinstance(adapter, dspy.JSONAdapter):
        with pytest.raises(NotImplementedError):
            adapter.format_finetune_data(dspy.Signature("q -> a"), [], {"q": "x"}, {"a": "y"})
        return
    data = adapter.format_finetune_data(dspy.Signature("q -> a"), [], {"q": "x"}, {"a": "y"})
    assert [message["role"] for message in data["messages"]] == ["system", "user", "assistant"]
    assert "[[ ## a ## ]]\ny" in data["messages"][-1]["content"]


def test_an_adapter_of_ones_own():
    class Plain(dspy.Adapter):
        def format(self, signature, demos, inputs):
            return [{"role": "user", "content": "; ".join(f"{k}={v}" for k, v in inputs.items())}]

        def parse(self, signature, completion):
            return {name: completion.strip() for name in signature.output_fields}

    lm = ScriptedLM([" four "])
    with dspy.context(lm=lm, adapter=Plain()):
        assert dspy.Predict("question -> answer")(question="2+2").answer == "four"
    assert lm.requests == [[{"role": "user", "content": "question=2+2"}]]


def test_an_adapter_that_changes_a_step_of_another():
    class Loud(dspy.ChatAdapter):
        def parse(self, signature, completion):
            return {name: value.upper() for name, value in super().parse(signature, completion).items()}

    with dspy.context(lm=ScriptedLM([{"answer": "four"}]), adapter=Loud()):
        assert dspy.Predict("question -> answer")(question="2+2").answer == "FOUR"


def test_an_optional_output_may_be_missing():
    class Maybe(dspy.Signature):
        q: str = dspy.InputField()
        a: str = dspy.OutputField()
        note: str | None = dspy.OutputField(default=None)

    result = dspy.JSONAdapter().parse(Maybe, '{"a": "x", "note": null}')
    assert result == {"a": "x", "note": None}
