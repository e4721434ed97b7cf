"""Streaming: fields as they come, status messages, the last prediction, over a real socket."""

import dspy
import pytest
from dspy.streaming import StatusMessage, StatusMessageProvider, StreamListener, StreamResponse

from tests.contract.support import QA, ScriptedLM, fields, lm_at
from tests.support.model_server import server_error


class Told(StatusMessageProvider):
    """A message for each event."""

    def module_start_status_message(self, instance, inputs):
        return f"start {type(instance).__name__}"

    def module_end_status_message(self, outputs):
        return "end"

    def lm_start_status_message(self, instance, inputs):
        return "ask"

    def lm_end_status_message(self, outputs):
        return "asked"

    def tool_start_status_message(self, instance, inputs):
        return f"tool {instance.name}"

    def tool_end_status_message(self, outputs):
        return f"tool said {outputs}"


async def collect(stream):
    """What comes of a stream, and the prediction at its end."""
    values = [value async for value in stream]
    prediction = values[-1] if isinstance(values[-1], dspy.Prediction) else None
    return values[:-1] if prediction is not None else values, prediction


def text_of(values, field):
    return "".join(v.chunk for v in values if isinstance(v, StreamResponse) and v.signature_field_name == field)


async def test_a_field_comes_in_pieces(server):
    server.script(fields(answer="It is the capital of France, of course."))
    stream = dspy.streamify(QA(), stream_listeners=[StreamListener("answer")])
    with dspy.context(lm=lm_at(server)):
        values, prediction = await collect(stream(question="Paris?"))
    assert text_of(values, "answer") == "It is the capital of France, of course."
    assert len(values) > 1
    assert values[-1].is_last_chunk
    assert {value.predict_name for value in values} == {"ask"}
    assert prediction.answer == "It is the capital of France, of course."
    assert server.requests[0].body["stream"] is True


async def test_two_fields_of_one_part(server):
    server.script(fields(reasoning="Because it is written there.", answer="Yes, it is so."))
    program = dspy.ChainOfThought("question -> answer")
    listeners = [StreamListener("reasoning"), StreamListener("answer")]
    with dspy.context(lm=lm_at(server)):
        values, prediction = await collect(dspy.streamify(program, stream_listeners=listeners)(question="?"))
    assert text_of(values, "reasoning") == "Because it is written there."
    assert text_of(values, "answer") == "Yes, it is so."
    assert prediction.answer == "Yes, it is so."


async def test_the_last_of_two_parts(server):
    class Two(dspy.Module):
        def __init__(self):
            super().__init__()
            self.first = dspy.Predict("question -> draft")
            self.second = dspy.Predict("draft -> answer")

        def forward(self, question):
            return self.second(draft=self.first(question=question).draft)

    server.script(fields(draft="a first try"), fields(answer="a second and better try"))
    with dspy.context(lm=lm_at(server)):
        values, prediction = await collect(
            dspy.streamify(Two(), stream_listeners=[StreamListener("answer")])(question="?")
        )
    assert text_of(values, "answer") == "a second and better try"
    assert prediction.answer == "a second and better try"
    assert [bool(request.body.get("stream")) for request in server.requests] == [False, True]


@pytest.mark.parametrize(
    ("adapter", "said"),
    [
        (dspy.JSONAdapter(), '{"answer": "a text that is long enough"}'),
        (dspy.XMLAdapter(), "<answer>a text that is long enough</answer>"),
    ],
    ids=["json", "xml"],
)
async def test_other_adapters(server, adapter, said):
    server.script(said)
    with dspy.context(lm=lm_at(server), adapter=adapter):
        values, prediction = await collect(
            dspy.streamify(QA(), stream_listeners=[StreamListener("answer")])(question="?")
        )
    assert text_of(values, "answer").strip().strip('"') == "a text that is long enough"
    assert prediction.answer == "a text that is long enough"


async def test_without_the_prediction_at_the_end(server):
    server.script(fields(answer="some words here"))
    stream = dspy.streamify(
        QA(), stream_listeners=[StreamListener("answer")], include_final_prediction_in_output_stream=False
    )
    with dspy.context(lm=lm_at(server)):
        values, prediction = await collect(stream(question="?"))
    assert prediction is None
    assert text_of(values, "answer") == "some words here"


async def test_raw_chunks_without_listeners(server):
    server.script(fields(answer="some words here"))
    with dspy.context(lm=lm_at(server)):
        values, prediction = await collect(dspy.streamify(QA())(question="?"))
    assert "".join(v.choices[0].delta.content or "" for v in values) == fields(answer="some words here")
    assert prediction.answer == "some words here"


async def test_an_answer_of_the_cache_comes_whole(server):
    server.script(fields(answer="cached words"))
    lm = lm_at(server, cache=True)
    with dspy.context(lm=lm):
        stream = dspy.streamify(QA(), stream_listeners=[StreamListener("answer", allow_reuse=True)])
        first, _ = await collect(stream(question="?"))
        values, prediction = await collect(stream(question="?"))
    assert text_of(first, "answer") == "cached words"
    assert text_of(values, "answer") == ""
    assert prediction.answer == "cached words"
    assert len(server.requests) == 1


async def test_status_messages():
    with dspy.context(lm=ScriptedLM([{"answer": "4"}])):
        values, prediction = await collect(dspy.streamify(QA(), status_message_provider=Told())(question="?"))
    messages = [value.message for value in values if isinstance(value, StatusMessage)]
    assert messages == ["start QA", "start Predict", "ask", "asked", "end", "end"]
    assert prediction.answer == "4"


async def test_status_messages_of_tools():
    def double(n: int) -> int:
        return n * 2

    class Uses(dspy.Module):
        def __init__(self):
            super().__init__()
            self.tool = dspy.Tool(double)

        def forward(self, n):
            return dspy.Prediction(n=self.tool(n=n))

    values, prediction = await collect(dspy.streamify(Uses())(n=2))
    assert [value.message for value in values] == [
        "Calling tool double...",
        "Tool calling finished! Querying the LLM with tool calling results...",
    ]
    assert prediction.n == 4
    values, _ = await collect(dspy.streamify(Uses(), status_message_provider=Told())(n=3))
    assert [value.message for value in values] == ["start Uses", "tool double", "tool said 6", "end"]


async def test_an_error_ends_the_stream(server):
    server.on(server_error())
    stream = dspy.streamify(QA(), stream_listeners=[StreamListener("answer")])
    with dspy.context(lm=lm_at(server)):
        with pytest.raises(BaseException) as caught:
            await collect(stream(question="?"))
    assert "the model fell over" in str(innermost(caught.value))


def innermost(error):
    return innermost(error.exceptions[0]) if hasattr(error, "exceptions") else error


async def test_chunks_for_a_web_server(server):
    from dspy.streaming import streaming_response

    server.script(fields(answer="web words"))
    with dspy.context(lm=lm_at(server)):
        stream = dspy.streamify(QA())
        lines = [line async for line in streaming_response(stream(question="?"))]
    assert lines[-1] == "data: [DONE]\n\n"
    assert lines[-2] == 'data: {"prediction":{"answer":"web words"}}\n\n'
    assert all(line.startswith("data: ") for line in lines)


def test_a_listener_for_a_field_of_two_parts_must_name_one():
    class Two(dspy.Module):
        def __init__(self):
            super().__init__()
            self.first = dspy.Predict("question -> answer")
            self.second = dspy.Predict("question -> answer")

    with pytest.raises(ValueError, match="answer"):
        dspy.streamify(Two(), stream_listeners=[StreamListener("answer")])


async def test_a_listener_for_a_named_part(server):
    class Two(dspy.Module):
        def __init__(self):
            super().__init__()
            self.first = dspy.Predict("question -> answer")
            self.second = dspy.Predict("question -> answer")

        def forward(self, question):
            self.first(question=question)
            return self.second(question=question)

    server.script(fields(answer="the first one"), fields(answer="the second one"))
    program = Two()
    listener = StreamListener("answer", predict=program.second, predict_name="second")
    with dspy.context(lm=lm_at(server)):
        values, _ = await collect(dspy.streamify(program, stream_listeners=[listener])(question="?"))
    assert text_of(values, "answer") == "the second one"
