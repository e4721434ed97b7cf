"""`dspy.LM` through litellm, against the model server: requests, retries, caches, errors, streams."""

import asyncio
import json
import os
import subprocess
import sys

import dspy
import pytest

from tests.generated.support import echo, fields, lm_at, question_of
from tests.support.model_server import (
    Answer,
    Call,
    ModelServer,
    bad_request,
    context_window,
    dropped,
    rate_limited,
    server_error,
    unauthorized,
    unknown_model,
)

SETTINGS = dspy.Settings()


@pytest.fixture
def caches(tmp_path):
    """A cache for the test alone, in memory and on disk; the package's own is put back."""
    before = dspy.cache
    dspy.configure_cache(disk_cache_dir=str(tmp_path / "cache"))
    yield tmp_path / "cache"
    dspy.cache = before


class TestRequests:
    """What goes over the wire, and what comes back."""

    async def test_chat(self, server: ModelServer):
        server.on("hello")
        lm = lm_at(server, temperature=0.3, max_tokens=50, headers={"x-mine": "1"})
        assert await lm(SETTINGS, "hi") == ["hello"]
        assert await lm(SETTINGS, prompt="hi", stop=["x"], temperature=0.9) == ["hello"]
        assert await lm(SETTINGS, messages=[{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]) == [
            "hello"
        ]
        first, second, third = server.requests
        assert first.path == "/v1/chat/completions"
        assert first.body == {
            "model": "m", "messages": [{"role": "user", "content": "hi"}], "temperature": 0.3, "max_tokens": 50,
        }  # fmt: skip
        assert (second.body["stop"], second.body["temperature"]) == (["x"], 0.9)
        assert [message["role"] for message in third.messages] == ["system", "user"]
        headers = {name.lower(): value for name, value in first.headers.items()}
        assert headers["user-agent"] == f"DSPy/{dspy.__version__}"
        assert headers["x-mine"] == "1"
        assert headers["authorization"] == "Bearer key"

    async def test_several_choices_and_more_than_text(self, server: ModelServer):
        server.script(
            Answer(["a", "b"]),
            Answer("", calls=[Call("f", {"x": 1})]),
            Answer("text", reasoning="because"),
            Answer("text", logprobs={"content": []}),
        )
        lm = lm_at(server)
        assert await lm(SETTINGS, "hi", n=2) == ["a", "b"]
        (called,) = await lm(SETTINGS, "hi")
        assert called["tool_calls"][0].function.name == "f"
        assert await lm(SETTINGS, "hi") == [{"text": "text", "reasoning_content": "because"}]
        assert "logprobs" in (await lm(SETTINGS, "hi", logprobs=True))[0]

    async def test_text(self, server: ModelServer):
        server.on("completed", kind="text")
        lm = lm_at(server, model_type="text")
        assert await lm(SETTINGS, "go on") == ["completed"]
        (request,) = server.requests
        assert request.path == "/v1/completions"
        assert request.last == "go on\n\nBEGIN RESPONSE:"

    async def test_responses(self, server: ModelServer):
        server.script(Answer("fine", reasoning="thought"), Answer("", calls=[Call("f", {"x": 1})]))
        lm = lm_at(server, model_type="responses", use_developer_role=True)
        messages = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
        assert await lm(SETTINGS, messages=messages) == [{"text": "fine", "reasoning_content": "thought"}]
        (called,) = await lm(SETTINGS, "call it")
        assert called["tool_calls"][0]["function"]["name"] == "f" or called["tool_calls"][0]["name"] == "f"
        request = server.requests[0]
        assert request.path == "/v1/responses"
        assert [message["role"] for message in request.messages] == ["developer", "user"]

    @pytest.mark.parametrize("kind", ["chat", "text", "responses"])
    async def test_a_program_on_each(self, server: ModelServer, kind: str):
        server.on(fields(answer="yes"), kind=kind)
        settings = dspy.Settings(lm=lm_at(server, model_type=kind), track_usage=True)
        prediction = await dspy.Predict("question -> answer")(settings, question="?")
        assert prediction.answer == "yes"
        (usage,) = prediction.get_lm_usage().values()
        assert usage["total_tokens"] == 18
        assert settings.lm.history[0]["model_type"] == kind

    async def test_history_has_no_key(self, server: ModelServer):
        server.on("x")
        lm = lm_at(server)
        await lm(SETTINGS, "hi", api_key="secret", max_tokens=3)
        (entry,) = lm.history
        assert entry["kwargs"] == {"max_tokens": 3} and "secret" not in str(entry["kwargs"])
        assert entry["response"].choices[0].message.content == "x" and entry["model"] == "openai/m"

    async def test_truncation_is_told(self, server: ModelServer, dspy_log):
        server.on(Answer("cut of", finish_reason="length"))
        await lm_at(server, max_tokens=3)(SETTINGS, "hi")
        assert "LM response was truncated due to exceeding max_tokens=3" in dspy_log.text

    async def test_typed(self, server: ModelServer):
        server.on("typed")
        lm = lm_at(server)
        response = await lm(SETTINGS.context(experimental=True), dspy.System("s"), dspy.User("u"))
        assert isinstance(response, dspy.LMResponse) and response.text == "typed"
        assert response.usage.total_tokens == 18
        request = dspy.LMRequest.from_call(model="openai/m", items=("again",))
        assert (await lm(SETTINGS, request)).text == "typed"
        assert [message["role"] for message in server.requests[0].messages] == ["system", "user"]

    def test_the_capabilities_are_plain_properties(self):
        lm = dspy.LM("openai/gpt-4o-mini")
        assert lm.supports_function_calling is True
        assert lm.supports_response_schema is True
        assert "temperature" in lm.supported_params

    async def test_many_at_once(self, server: ModelServer):
        server.together = 100
        server.on(echo())
        lm = lm_at(server)
        predict = dspy.Predict("question -> answer")
        found = await asyncio.gather(*(predict(dspy.Settings(lm=lm), question=f"q{n}") for n in range(100)))
        assert [each.answer for each in found] == [f"q{n}" for n in range(100)]
        assert server.most_at_once == 100

    def test_one_lm_in_several_loops(self, server: ModelServer):
        """An LM, its history and caches outlive an event loop."""
        server.on(echo())
        lm = lm_at(server)
        predict = dspy.Predict("question -> answer")
        for number in range(3):
            found = asyncio.run(predict(dspy.Settings(lm=lm), question=f"q{number}"))
            assert found.answer == f"q{number}"


class TestRetries:
    """`num_retries`."""

    @pytest.mark.parametrize("failure", [server_error(), server_error(503), rate_limited(retry_after=0), dropped()])
    async def test_a_failure_that_passes(self, server: ModelServer, failure):
        server.on(failure, times=2)
        server.on("after all")
        assert await lm_at(server, num_retries=3)(SETTINGS, "hi") == ["after all"]
        assert len(server.requests) == 3

    async def test_one_that_does_not(self, server: ModelServer):
        server.on(server_error())
        with pytest.raises(dspy.LMServerError):
            await lm_at(server, num_retries=1)(SETTINGS, "hi")
        assert len(server.requests) >= 2

    async def test_none(self, server: ModelServer):
        server.on(unauthorized())
        with pytest.raises(dspy.LMAuthError):
            await lm_at(server, num_retries=0)(SETTINGS, "hi")
        assert len(server.requests) == 1

    async def test_waiting_does_not_block_the_loop(self, server: ModelServer):
        server.on(rate_limited(retry_after=1), contains="slow", times=1)
        server.on("x")
        lm = lm_at(server, num_retries=2)
        slow = asyncio.create_task(lm(SETTINGS, "slow"))
        quick = asyncio.create_task(lm(SETTINGS, "quick"))
        done, _ = await asyncio.wait([slow, quick], return_when=asyncio.FIRST_COMPLETED)
        assert done == {quick}
        assert await slow == ["x"]


class TestErrors:
    """litellm's errors as DSPy's."""

    @pytest.mark.parametrize(
        ("failure", "error", "status"),
        [
            (unauthorized(), dspy.LMAuthError, 401),
            (bad_request(), dspy.LMInvalidRequestError, 400),
            (unknown_model(), dspy.LMUnsupportedModelError, 404),
            (rate_limited(), dspy.LMRateLimitError, 429),
            (server_error(), dspy.LMServerError, 500),
            (server_error(503), dspy.LMServerError, 503),
            (context_window(), dspy.ContextWindowExceededError, 400),
        ],
    )
    @pytest.mark.parametrize("kind", ["chat", "text", "responses"])
    async def test_each(self, server: ModelServer, failure, error, status, kind):
        server.on(failure)
        lm = lm_at(server, model_type=kind)
        with pytest.raises(error) as caught:
            await lm(SETTINGS, "hi")
        assert isinstance(caught.value, dspy.LMError)
        assert caught.value.status == status
        assert caught.value.model and caught.value.provider

    async def test_a_timeout(self, server: ModelServer):
        server.on(Answer("late", delay=20))
        with pytest.raises(dspy.LMTimeoutError):
            await lm_at(server, timeout=0.2)(SETTINGS, "hi")

    async def test_nobody_there(self):
        lm = dspy.LM("openai/m", api_base="http://127.0.0.1:9/v1", api_key="k", cache=False, num_retries=0)
        with pytest.raises(dspy.LMError) as caught:
            await lm(SETTINGS, "hi")
        assert dspy.is_retryable_lm_error(caught.value)

    async def test_no_key(self):
        with pytest.raises(dspy.LMError):
            await dspy.LM("openai/m", cache=False, num_retries=0)(SETTINGS, "hi")

    async def test_the_chat_adapter_does_not_ask_again(self, server: ModelServer):
        server.on(context_window())
        with pytest.raises(dspy.ContextWindowExceededError):
            await dspy.Predict("question -> answer")(dspy.Settings(lm=lm_at(server)), question="?")
        assert len(server.requests) == 1

    async def test_an_error_is_not_cached(self, server: ModelServer, caches):
        server.on(server_error(), times=1)
        server.on("fine")
        lm = lm_at(server, cache=True)
        with pytest.raises(dspy.LMServerError):
            await lm(SETTINGS, "hi")
        assert await lm(SETTINGS, "hi") == ["fine"]


class TestCache:
    """In memory and on disk."""

    async def test_a_second_call_is_not_sent(self, server: ModelServer, caches):
        server.on(lambda request: f"answer {request.number}")
        lm = lm_at(server, cache=True)
        assert await lm(SETTINGS, "hi") == await lm(SETTINGS, "hi") == ["answer 0"]
        assert await lm(SETTINGS, "hi", temperature=0.5) == ["answer 1"]
        assert await lm(SETTINGS, "ho") == ["answer 2"]
        assert await lm(SETTINGS, "hi", cache=False) == ["answer 3"]
        assert [entry["response"].usage == {} for entry in lm.history] == [False, True, False, False, False]

    async def test_settings_are_not_part_of_the_key(self, server: ModelServer, caches):
        server.on(lambda request: fields(answer=request.number))
        lm = lm_at(server, cache=True)
        predict = dspy.Predict("question -> answer")
        found = [
            await predict(dspy.Settings(lm=lm, trace=[], marker=object(), num_threads=n), question="?")
            for n in range(1, 4)
        ]
        assert [each.answer for each in found] == ["0"] * 3
        assert len(server.requests) == 1

    async def test_memory_and_disk(self, server: ModelServer, caches):
        server.on(lambda request: f"answer {request.number}")
        lm = lm_at(server, cache=True)
        await lm(SETTINGS, "hi")
        dspy.cache.reset_memory_cache()
        assert await lm(SETTINGS, "hi") == ["answer 0"], "from disk"
        assert len(dspy.cache.memory_cache) == 1, "and back in memory"
        dspy.configure_cache(disk_cache_dir=str(caches), enable_memory_cache=False)
        assert await lm(SETTINGS, "hi") == ["answer 0"]
        dspy.configure_cache(enable_disk_cache=False)
        assert await lm(SETTINGS, "hi") == ["answer 1"]

    async def test_rollouts(self, server: ModelServer, caches):
        server.on(lambda request: f"answer {request.number}")
        lm = lm_at(server, cache=True, temperature=1.0)
        asked = [await lm(SETTINGS, "hi", rollout_id=rollout) for rollout in (None, 1, 2, 1, None)]
        assert [text for (text,) in asked] == ["answer 0", "answer 1", "answer 2", "answer 1", "answer 0"]
        assert all("rollout_id" not in request.body for request in server.requests)
        assert (await lm.copy(rollout_id=2)(SETTINGS, "hi")) == ["answer 2"]

    async def test_a_rollout_without_temperature_is_warned_of(self, server: ModelServer, caches):
        server.on("x")
        lm = lm_at(server, temperature=0)
        with pytest.warns(UserWarning, match="rollout_id has no effect"):
            await lm(SETTINGS, "hi", rollout_id=1)

    async def test_what_is_cached_is_not_shared(self, server: ModelServer, caches):
        server.on("x")
        lm = lm_at(server, cache=True)
        await lm(SETTINGS, "hi")
        await lm(SETTINGS, "hi")
        lm.history[1]["response"].choices[0].message.content = "changed"
        assert await lm(SETTINGS, "hi") == ["x"]

    def test_the_cache_is_of_no_loop(self, server: ModelServer, caches):
        server.on("x")
        lm = lm_at(server, cache=True)
        assert [asyncio.run(lm(SETTINGS, "hi")) for _ in range(2)] == [["x"]] * 2
        assert len(server.requests) == 1

    @pytest.mark.api("4.12")
    async def test_a_cache_that_upstream_filled(self, server: ModelServer, caches, upstream_folder):
        """What upstream's sync calls put on disk is found here, for every kind of call."""
        for kind in ("chat", "text", "responses"):
            server.on(lambda request: fields(answer=f"of {request.kind} to {question_of(request)}"), kind=kind)
        program = """
import json, sys, dspy
url, folder = sys.argv[1:]
dspy.configure_cache(disk_cache_dir=folder)
for kind in ("chat", "text", "responses"):
    lm = dspy.LM("openai/m", model_type=kind, api_base=url, api_key="key", temperature=0.5)
    with dspy.context(lm=lm):
        print(dspy.Predict("question -> answer")(question="capital?").answer)
embedder = dspy.Embedder("openai/e", api_base=url, api_key="key")
print(embedder(["text"]).tolist())
"""
        environment = {**os.environ, "PYTHONPATH": str(upstream_folder)}
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", program, server.url, str(caches)],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        before = len(server.requests)
        assert before == 4
        dspy.configure_cache(disk_cache_dir=str(caches))
        for kind, expected in zip(("chat", "text", "responses"), done.stdout.splitlines(), strict=False):
            lm = lm_at(server, model_type=kind, temperature=0.5, cache=True)
            found = await dspy.Predict("question -> answer")(dspy.Settings(lm=lm), question="capital?")
            assert found.answer == expected
        embedder = dspy.Embedder("openai/e", api_base=server.url, api_key="key")
        vectors = await embedder(SETTINGS, ["text"])
        assert vectors.tolist() == json.loads(done.stdout.splitlines()[3])
        assert len(server.requests) == before, "all were answered from upstream's cache"


class TestObject:
    """The object itself."""

    def test_copy(self, server: ModelServer):
        lm = lm_at(server, temperature=0.1)
        lm.history.append(1)
        other = lm.copy(temperature=0.7, rollout_id=3, max_tokens=None)
        assert (other.kwargs["temperature"], other.kwargs["rollout_id"], other.history) == (0.7, 3, [])
        assert lm.kwargs["temperature"] == 0.1 and "rollout_id" not in lm.kwargs and other.model == lm.model

    def test_state(self):
        lm = dspy.LM("openai/gpt-4o-mini", temperature=0.3, max_tokens=9, api_key="secret", num_retries=7)
        state = lm.dump_state()
        assert "secret" not in json.dumps(state)
        other = dspy.BaseLM.load_state(state)
        assert (type(other), other.model, other.num_retries) == (dspy.LM, lm.model, 7)
        assert other.kwargs == {"temperature": 0.3, "max_tokens": 9}

    def test_reasoning_models(self):
        assert dspy.LM("openai/gpt-5", max_tokens=16000).kwargs["max_completion_tokens"] == 16000
        with pytest.raises(dspy.LMConfigurationError, match="reasoning models require"):
            dspy.LM("openai/gpt-5", temperature=0.3)

    def test_fine_tuning_needs_a_provider(self):
        with pytest.raises(dspy.LMUnsupportedFeatureError):
            dspy.LM("other/m").finetune([], None)


class TestStreams:
    """A stream in the settings gets each chunk, and the caller the whole."""

    async def test_chunks(self, server: ModelServer):
        import anyio

        server.on(fields(answer="one two three"))
        send, receive = anyio.create_memory_object_stream(1000)
        settings = dspy.Settings(lm=lm_at(server), send_stream=send)
        prediction = await dspy.Predict("question -> answer")(settings, question="?")
        assert prediction.answer == "one two three"
        await send.aclose()
        chunks = [chunk async for chunk in receive]
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        assert text == fields(answer="one two three") and len(chunks) > 5
        assert server.requests[0].body["stream"] is True
        receive.close()
