"""The tests' own model server, met through litellm's real client: it has to keep its word before it proves anything."""

import asyncio
import time

import litellm
import pytest

from tests.support.model_server import (
    Answer,
    Call,
    ModelServer,
    bad_request,
    context_window,
    dropped,
    embed,
    rate_limited,
    server_error,
    unauthorized,
    unknown_model,
)

HELLO = [{"role": "user", "content": "hello there"}]


def ask(server: ModelServer, model: str = "openai/m", **more):
    return litellm.acompletion(model=model, messages=HELLO, api_base=server.url, api_key="key-1", max_retries=0, **more)


async def test_chat(server: ModelServer):
    server.on(Answer("hi", prompt_tokens=3, completion_tokens=4))
    response = await ask(server, temperature=0.5)
    assert response.choices[0].message.content == "hi"
    assert (response.usage.prompt_tokens, response.usage.completion_tokens, response.usage.total_tokens) == (3, 4, 7)
    (request,) = server.requests
    assert (request.kind, request.model, request.last) == ("chat", "m", "hello there")
    assert request.body["temperature"] == 0.5 and request.headers["Authorization"] == "Bearer key-1"
    assert request.status == 200 and request.finished is not None


async def test_choices_tool_calls_and_reasoning(server: ModelServer):
    server.script(Answer(["a", "b"]), Answer("", calls=[Call("look", {"x": 1}, "c1")], reasoning="because"))
    several = await ask(server, n=3)
    assert [choice.message.content for choice in several.choices] == ["a", "b", "b"]
    called = (await ask(server)).choices[0]
    assert called.finish_reason == "tool_calls" and called.message.reasoning_content == "because"
    (call,) = called.message.tool_calls
    assert (call.id, call.function.name, call.function.arguments) == ("c1", "look", '{"x": 1}')


async def test_streamed_chat_joins_to_the_whole(server: ModelServer):
    server.on(Answer("one two  three", completion_tokens=9))
    stream = await ask(server, stream=True, stream_options={"include_usage": True})
    chunks = [chunk async for chunk in stream]
    assert len(chunks) > 3
    whole = litellm.stream_chunk_builder(chunks)
    assert whole.choices[0].message.content == "one two  three"
    assert whole.usage.completion_tokens == 9


async def test_text_completion(server: ModelServer):
    server.on("done", kind="text")
    response = await litellm.atext_completion(
        model="text-completion-openai/t", prompt="go on", api_base=server.url, api_key="k"
    )
    assert response.choices[0].text == "done"
    assert server.requests[0].last == "go on"


async def test_responses(server: ModelServer):
    server.on(Answer("fine", reasoning="thought", calls=[Call("f", {"a": 2})]))
    response = await litellm.aresponses(model="openai/r", input=HELLO, api_base=server.url, api_key="k")
    assert [item.type for item in response.output] == ["reasoning", "message", "function_call"]
    assert response.output[1].content[0].text == "fine"
    assert response.usage.total_tokens == 18


async def test_streamed_responses(server: ModelServer):
    server.on("one two")
    stream = await litellm.aresponses(model="openai/r", input=HELLO, stream=True, api_base=server.url, api_key="k")
    events = [event async for event in stream]
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == "one two"


async def test_embeddings(server: ModelServer):
    response = await litellm.aembedding(model="openai/e", input=["ab", "c"], api_base=server.url, api_key="k")
    assert [item["embedding"] for item in response.data] == [pytest.approx(embed("ab")), pytest.approx(embed("c"))]


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (rate_limited(retry_after=3), litellm.RateLimitError),
        (server_error(), litellm.InternalServerError),
        (server_error(503), litellm.ServiceUnavailableError),
        (unauthorized(), litellm.AuthenticationError),
        (bad_request(), litellm.BadRequestError),
        (unknown_model(), litellm.NotFoundError),
        (context_window(), litellm.ContextWindowExceededError),
        (dropped(), litellm.InternalServerError),
    ],
)
async def test_failures_are_what_litellm_takes_them_for(server: ModelServer, failure, error):
    server.on(failure)
    with pytest.raises(error):
        await ask(server)


async def test_a_rule_for_a_number_of_times_gives_way(server: ModelServer):
    server.on(server_error(), times=2)
    server.on("after all")
    response = await litellm.acompletion(
        model="openai/m", messages=HELLO, api_base=server.url, api_key="k", max_retries=3
    )
    assert response.choices[0].message.content == "after all"
    assert [request.status for request in server.requests] == [500, 500, 200]


async def test_rules_by_model_and_content(server: ModelServer):
    server.on("for a", model="a")
    server.on("greeting", contains="hello")
    assert [(await ask(server, f"openai/{name}")).choices[0].message.content for name in "ab"] == ["for a", "greeting"]
    assert [len(server.to(name)) for name in "abc"] == [1, 1, 0]


async def test_a_request_without_a_rule_is_an_error(server: ModelServer):
    server.on("never", contains="something else")
    with pytest.raises(litellm.BadRequestError, match="no rule answers"):
        await ask(server)
    assert len(server.unanswered) == 1
    server.unanswered.clear()


async def test_latency_and_the_most_at_once(server: ModelServer):
    server.on(Answer("slow", delay=0.2))
    started = time.monotonic()
    await asyncio.gather(*(ask(server) for _ in range(4)))
    assert 0.2 <= time.monotonic() - started < 2
    assert server.most_at_once == 4


async def test_requests_that_are_answered_together(server: ModelServer):
    server.together = 3
    server.on("together")
    first = [asyncio.create_task(ask(server)) for _ in range(2)]
    await asyncio.to_thread(server.wait_for, 2)
    await asyncio.sleep(0.1)
    assert not any(task.done() for task in first)
    await asyncio.gather(*first, ask(server))
    assert server.most_at_once == 3
    await ask(server)


async def test_a_client_that_goes_away_is_noticed(server: ModelServer):
    server.on(Answer("too late", delay=30))
    task = asyncio.create_task(ask(server))
    await asyncio.to_thread(server.wait_for, 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for _ in range(200):
        if server.requests[0].cancelled:
            break
        await asyncio.sleep(0.01)
    assert server.requests[0].cancelled


def test_reset_forgets(server: ModelServer):
    server.on("hi")
    answer = litellm.completion(model="openai/m", messages=HELLO, api_base=server.url, api_key="k")
    assert answer.choices[0].message.content == "hi"
    server.reset()
    assert server.requests == []
