"""streamify: concurrent streams with settings of their own, backpressure, early ends, and the edge for scripts."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from dataclasses import dataclass
from typing import Any

import dspy
import pytest
from dspy.streaming import StatusMessage, StatusMessageProvider, StreamListener, StreamResponse

from tests.generated.sides import fields
from tests.generated.support import echo, lm_at, question_of, scripted
from tests.support.model_server import Answer, ModelServer, Request

LONG = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"


async def heard(stream: Any, field: str = "answer") -> tuple[str, dspy.Prediction]:
    """The text of a field as it came in pieces, and the prediction."""
    pieces, prediction = [], None
    async for value in stream:
        if isinstance(value, StreamResponse) and value.signature_field_name == field:
            pieces.append(value.chunk)
        elif isinstance(value, dspy.Prediction):
            prediction = value
    return "".join(pieces), prediction


def listening(**kwargs: Any) -> Any:
    program = dspy.Predict("question -> answer")
    return dspy.streamify(program, stream_listeners=[StreamListener("answer")], **kwargs)


async def test_a_field_in_pieces(server: ModelServer):
    server.on(echo())
    text, prediction = await heard(listening()(dspy.Settings(lm=lm_at(server)), question=LONG))
    assert text == prediction.answer == LONG


async def test_headers_of_the_model_go_with_a_streamed_request(server: ModelServer):
    server.on(echo())
    lm = lm_at(server, headers={"Authorization": "Bearer mine"})
    await heard(listening()(dspy.Settings(lm=lm), question=LONG))
    assert [request.headers["Authorization"] for request in server.requests] == ["Bearer mine"]


@pytest.mark.parametrize("adapter", [dspy.JSONAdapter(), dspy.XMLAdapter(), None])
async def test_listeners_go_by_the_adapter_of_the_call(server: ModelServer, adapter: Any):
    def answer(request: Request) -> Answer:
        if isinstance(adapter, dspy.JSONAdapter):
            return Answer(f'{{"answer": "{LONG}"}}')
        return Answer(f"<answer>\n{LONG}\n</answer>" if adapter else fields(answer=LONG))

    server.on(answer)
    text, prediction = await heard(listening()(dspy.Settings(lm=lm_at(server), adapter=adapter), question="?"))
    assert text.strip('"\n') == prediction.answer == LONG


@pytest.mark.api("5.12", "5.13")
async def test_one_program_streams_to_many_at_once_with_settings_of_their_own(server: ModelServer):
    server.on(echo())
    program = listening()
    models = [lm_at(server, f"m{number}") for number in range(8)]
    seen: dict[str, set[str]] = {}

    class Handler(dspy.utils.BaseCallback):
        def __init__(self, name: str) -> None:
            self.name = name

        async def on_lm_start(self, call_id, instance, settings, inputs):
            seen.setdefault(self.name, set()).add(instance.model)

    settings = [dspy.Settings(lm=lm, callbacks=[Handler(lm.model)]) for lm in models]
    streams = [heard(program(each, question=f"{LONG} {each.lm.model}")) for each in settings]
    for (text, prediction), each in zip(await asyncio.gather(*streams), settings, strict=True):
        assert text == prediction.answer == f"{LONG} {each.lm.model}"
        assert len(each.callbacks) == 1
    assert seen == {lm.model: {lm.model} for lm in models}


async def test_a_program_streams_again(server: ModelServer):
    server.on(echo())
    program = listening()
    for word in ("first", "second"):
        text, _ = await heard(program(dspy.Settings(lm=lm_at(server)), question=f"{word} {LONG}"))
        assert text == f"{word} {LONG}"


async def test_status_messages_go_to_the_stream_of_their_call(server: ModelServer):
    async def look(settings, word: str) -> str:
        return word

    class Program(dspy.Module):
        def __init__(self) -> None:
            super().__init__()
            self.look = dspy.Tool(look)
            self.ask = dspy.Predict("question -> answer")

        async def forward(self, settings, question: str):
            word = await self.look(settings, word=question)
            return await self.ask(settings, question=word)

    class Provider(StatusMessageProvider):
        def tool_start_status_message(self, instance, inputs):
            return f"looks up {inputs['kwargs']['word']}"

        def tool_end_status_message(self, outputs):
            return f"found {outputs}"

        def lm_start_status_message(self, instance, inputs):
            return f"asks {instance.model}"

    server.on(echo())
    program = dspy.streamify(Program(), status_message_provider=Provider())

    async def statuses(model: str) -> list[str]:
        stream = program(dspy.Settings(lm=lm_at(server, model)), question=f"q-{model}")
        return [value.message async for value in stream if isinstance(value, StatusMessage)]

    models = ["a", "b", "c"]
    for model, messages in zip(models, await asyncio.gather(*map(statuses, models)), strict=True):
        assert messages == [f"looks up q-{model}", f"found q-{model}", f"asks openai/{model}"]


@pytest.mark.api("3.1", "3.4")
async def test_a_provider_of_status_messages_may_wait():
    names = [f"{what}_{when}" for what in ("tool", "lm", "module") for when in ("start", "end")]

    def said_of(name: str) -> Any:
        async def of_start(self, settings, instance, inputs):
            await asyncio.sleep(0)
            return f"{name} for {settings.tenant}"

        async def of_end(self, outputs):
            await asyncio.sleep(0)
            return name if name != "lm_end" else None

        return of_start if name.endswith("start") else of_end

    class Program(dspy.Module):
        async def forward(self, settings):
            await dspy.Tool(lambda: "found", name="look")(settings)
            await settings.lm(settings, "?")
            return dspy.Prediction()

    provider = type("Provider", (StatusMessageProvider,), {f"{name}_status_message": said_of(name) for name in names})
    stream = dspy.streamify(Program(), status_message_provider=provider())
    settings = dspy.Settings(lm=scripted("said")[1], tenant="me")
    heard = [value.message async for value in stream(settings) if isinstance(value, StatusMessage)]
    assert heard == ["module_start for me", "tool_start for me", "tool_end", "lm_start for me", "module_end"]


class Streaming(dspy.BaseLM):
    """Says so many words to the stream, and notes how far it came and how it ended."""

    def __init__(self, words: int) -> None:
        super().__init__("streaming")
        self.words = words
        self.said = 0
        self.ended = ""

    async def forward(self, settings, prompt=None, messages=None, **kwargs):
        try:
            for number in range(self.words):
                await settings.send_stream.send(f"word {number}")
                self.said += 1
            self.ended = "done"
        except BaseException as error:
            self.ended = type(error).__name__
            raise
        return await scripted(fields(answer="said"))[1].forward(settings, prompt=prompt)


async def test_a_program_sends_chunks_of_its_own_kind():
    @dataclass
    class Chunk:
        text: str

    class Sending(dspy.Module):
        async def forward(self, settings, /, question):
            await settings.send_stream.send(Chunk(question))
            return dspy.Prediction(answer="said")

    chunk, prediction = [value async for value in dspy.streamify(Sending())(dspy.Settings(), question="?")]
    assert chunk == Chunk("?")
    assert prediction.answer == "said"


async def test_a_reader_who_does_not_read_holds_the_program_up():
    lm = Streaming(1000)
    stream = dspy.streamify(dspy.Predict("question -> answer"))(dspy.Settings(lm=lm), question="?")
    assert await anext(stream) == "word 0"
    await asyncio.sleep(0.1)
    assert lm.said < 25
    assert [value async for value in stream][-1].answer == "said"
    assert lm.ended == "done"


@pytest.mark.api("5.9")
async def test_closing_early_cancels_the_program():
    lm = Streaming(1000)
    tasks = asyncio.all_tasks()
    stream = dspy.streamify(dspy.Predict("question -> answer"))(dspy.Settings(lm=lm), question="?")
    assert await anext(stream) == "word 0"
    before = time.monotonic()
    await stream.aclose()
    assert time.monotonic() - before < 1
    assert lm.ended == "CancelledError"
    assert asyncio.all_tasks() == tasks


async def test_leaving_the_loop_cancels_the_program():
    lm = Streaming(1000)
    tasks = asyncio.all_tasks()
    async for value in dspy.streamify(dspy.Predict("question -> answer"))(dspy.Settings(lm=lm), question="?"):
        assert value == "word 0"
        break
    gc.collect()
    async with asyncio.timeout(1):
        while asyncio.all_tasks() != tasks:
            await asyncio.sleep(0.01)
    assert lm.ended == "CancelledError"


async def test_cancelling_the_reader_cancels_the_program():
    waits = asyncio.Event()

    class Slow(dspy.BaseLM):
        async def forward(self, settings, prompt=None, messages=None, **kwargs):
            waits.set()
            await asyncio.sleep(60)

    tasks = asyncio.all_tasks()
    program = dspy.streamify(dspy.Predict("question -> answer"))
    reader = asyncio.create_task(heard(program(dspy.Settings(lm=Slow("slow")), question="?")))
    await waits.wait()
    reader.cancel()
    before = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert time.monotonic() - before < 1
    assert asyncio.all_tasks() == tasks


async def test_every_step_may_be_of_another_task(server: ModelServer):
    server.on(echo())
    stream = listening()(dspy.Settings(lm=lm_at(server)), question=LONG)
    pieces = []
    while not isinstance(value := await asyncio.create_task(_next(stream)), dspy.Prediction):
        pieces.append(value.chunk)
    assert "".join(pieces) == LONG
    await asyncio.create_task(stream.aclose())


async def _next(stream: Any) -> Any:
    return await anext(stream)


def _leaves(error: BaseException) -> list[BaseException]:
    return [leaf for each in error.exceptions for leaf in _leaves(each)] if hasattr(error, "exceptions") else [error]


async def test_an_error_of_the_program_is_raised_as_upstream_raises_it():
    _, lm = scripted(*[ValueError("no model today")] * 3)
    tasks = asyncio.all_tasks()
    with pytest.raises(BaseExceptionGroup) as caught:
        await heard(dspy.streamify(dspy.Predict("question -> answer"))(dspy.Settings(lm=lm), question="?"))
    assert [str(leaf) for leaf in _leaves(caught.value)] == ["no model today"]
    assert asyncio.all_tasks() == tasks


@pytest.mark.api("2.2")
@pytest.mark.parametrize("async_streaming", [True, False])
async def test_a_stream_wants_settings(async_streaming: bool):
    program = dspy.streamify(dspy.Predict("question -> answer"), async_streaming=async_streaming)
    with pytest.raises(TypeError, match=r"^streamify\(program\)\(\) needs a dspy\.Settings.* `streamify\(program\)\(s"):
        program(question="?")


# -- for scripts ------------------------------------------------------------------------------------------------------


def test_a_script_iterates(server: ModelServer):
    server.on(echo())
    values = list(listening(async_streaming=False)(dspy.Settings(lm=lm_at(server)), question=LONG))
    assert "".join(value.chunk for value in values[:-1]) == values[-1].answer == LONG


async def test_a_script_iterates_where_a_loop_runs(server: ModelServer):
    """As in a notebook. It blocks; the program goes on in its own loop."""
    server.on(echo())
    values = list(listening(async_streaming=False)(dspy.Settings(lm=lm_at(server)), question=LONG))
    assert values[-1].answer == LONG


def test_a_script_that_stops_early_stops_the_program():
    lm = Streaming(10**9)
    threads = threading.enumerate()
    program = dspy.streamify(dspy.Predict("question -> answer"), async_streaming=False)
    stream = program(dspy.Settings(lm=lm), question="?")
    assert next(stream) == "word 0"
    before = time.monotonic()
    stream.close()
    assert time.monotonic() - before < 1
    assert lm.ended == "CancelledError"
    assert threading.enumerate() == threads


def test_an_error_reaches_the_script():
    _, lm = scripted(*[ValueError("no model today")] * 3)
    program = dspy.streamify(dspy.Predict("question -> answer"), async_streaming=False)
    with pytest.raises(BaseExceptionGroup) as caught:
        list(program(dspy.Settings(lm=lm), question="?"))
    assert [str(leaf) for leaf in _leaves(caught.value)] == ["no model today"]


# -- responses --------------------------------------------------------------------------------------------------------


async def test_a_response_for_a_web_service(server: ModelServer):
    server.on(lambda request: Answer(fields(answer=question_of(request))))
    program = dspy.streamify(dspy.Predict("question -> answer"))
    stream = dspy.streaming.streaming_response(program(dspy.Settings(lm=lm_at(server)), question="x"))
    lines = [line async for line in stream]
    assert lines[-2:] == ['data: {"prediction":{"answer":"x"}}\n\n', "data: [DONE]\n\n"]
    assert all(line.startswith('data: {"chunk":') for line in lines[:-2])
    assert len(lines) > 3
