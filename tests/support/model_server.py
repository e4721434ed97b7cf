"""An OpenAI-compatible model server on loopback, for tests that go through litellm and a real socket.

It speaks chat completions, text completions, the responses API and embeddings, plain or as server-sent events.
What it answers is told by rules, first match wins:

    with ModelServer() as server:
        server.on("Paris", contains="capital of France")          # every time the last message has that text
        server.on(rate_limited(), model="gpt-x", times=2)          # twice, then the rule is used up
        server.script("first", "second")                           # one after the other
        lm = dspy.LM("openai/gpt-x", api_base=server.url, api_key="none")

Every request is kept in `server.requests`, in order of arrival. A request no rule answers gets status 400 with
the words "no rule answers" and is kept in `server.unanswered`, so a wrong test fails rather than hangs.
The server runs in a thread with a loop of its own, so it serves sync and async clients and a blocked test loop alike.
"""

from __future__ import annotations

import asyncio
import base64
import json
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

START_SECONDS = 20.0
TOGETHER_SECONDS = 20.0
KINDS = {
    "/v1/chat/completions": "chat",
    "/v1/completions": "text",
    "/v1/responses": "responses",
    "/v1/embeddings": "embeddings",
}


@dataclass(frozen=True)
class Call:
    """A tool call in an answer; `arguments` go out as JSON text."""

    name: str
    arguments: Mapping[str, Any]
    id: str = "call_0"


@dataclass(frozen=True)
class Answer:
    """A model's answer. Several texts are several choices; `delay` is in seconds, before the first byte."""

    text: str | Sequence[str] = ""
    calls: Sequence[Call] = ()
    reasoning: str | None = None
    finish_reason: str | None = None
    prompt_tokens: int = 11
    completion_tokens: int = 7
    delay: float = 0.0
    logprobs: Mapping[str, Any] | None = None
    fault: Literal["cut", "malformed"] | None = None
    """The connection breaks in the middle of the answer, or what is sent there is no JSON."""

    @property
    def texts(self) -> tuple[str, ...]:
        """One text per choice."""
        return (self.text,) if isinstance(self.text, str) else tuple(self.text)


@dataclass(frozen=True)
class Failure:
    """An HTTP error. With `drop` the connection is closed without a response."""

    status: int
    body: Mapping[str, Any] | str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drop: bool = False


@dataclass
class Request:
    """One request as it came in. `number` counts from 0; `started` and `finished` are seconds of `time.monotonic`."""

    number: int
    kind: str
    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    started: float
    finished: float | None = None
    status: int | None = None
    cancelled: bool = False

    @property
    def model(self) -> str:
        """The model the client asked for."""
        return str(self.body.get("model", ""))

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages of a chat request, the input items of a responses request, else an empty list."""
        found = self.body.get("messages", self.body.get("input", []))
        return list(found) if isinstance(found, list) and self.kind in ("chat", "responses") else []

    @property
    def last(self) -> str:
        """The text rules look into: the last message, the prompt, or the text to embed."""
        if self.messages:
            return _text_of(self.messages[-1])
        return _text_of(self.body.get("prompt", self.body.get("input", "")))


Reply = str | Answer | Failure | Callable[[Request], str | Answer | Failure]


@dataclass
class Rule:
    """When to give which reply. `left` counts down to zero; None is for ever. `used` counts up."""

    reply: Reply
    model: str | None
    contains: str | None
    kind: str | None
    left: int | None
    used: int = 0

    def answers(self, request: Request) -> bool:
        """Whether this rule has something to say to the request."""
        return (
            self.left != 0
            and (self.model is None or self.model == request.model)
            and (self.contains is None or self.contains in request.last)
            and (self.kind is None or self.kind == request.kind)
        )


def _text_of(value: Any) -> str:
    """All the text in a message, a list of parts, or a plain string."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        parts = [value.get(key) for key in ("content", "text", "output")]
        return "\n".join(_text_of(part) for part in parts if part is not None)
    if isinstance(value, list):
        return "\n".join(_text_of(part) for part in value)
    return ""


def _error(message: str, *, kind: str, code: str | None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def rate_limited(*, retry_after: float | None = None, delay: float = 0.0) -> Failure:
    """Status 429, with a `retry-after` header in seconds where one is given."""
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    return Failure(429, _error("slow down", kind="requests", code="rate_limit_exceeded"), headers, delay)


def server_error(status: int = 500, message: str = "the model fell over") -> Failure:
    """A failure on the provider's side."""
    return Failure(status, _error(message, kind="server_error", code=None))


def unauthorized() -> Failure:
    """Status 401, as for a wrong API key."""
    return Failure(401, _error("Incorrect API key provided", kind="invalid_request_error", code="invalid_api_key"))


def bad_request(message: str = "that parameter is wrong") -> Failure:
    """Status 400, for a request that is itself at fault."""
    return Failure(400, _error(message, kind="invalid_request_error", code=None))


def unknown_model(model: str = "no-such-model") -> Failure:
    """Status 404, as for a model that does not exist."""
    return Failure(
        404, _error(f"The model `{model}` does not exist", kind="invalid_request_error", code="model_not_found")
    )


def context_window() -> Failure:
    """Status 400 with the words by which litellm knows a prompt that is too long."""
    message = "This model's maximum context length is 8 tokens. However, your messages resulted in 900 tokens."
    return Failure(400, _error(message, kind="invalid_request_error", code="context_length_exceeded"))


def dropped() -> Failure:
    """The connection breaks without a response."""
    return Failure(0, drop=True)


def embed(text: str) -> list[float]:
    """A small deterministic vector: texts with the same letters are the same point."""
    counts = [float(sum(ord(letter) % 4 == bucket for letter in text)) for bucket in range(4)]
    length = sum(count * count for count in counts) ** 0.5 or 1.0
    return [count / length for count in counts]


class ModelServer:
    """The server; a context manager. All methods may be called from any thread."""

    def __init__(self, *, latency: float = 0.0) -> None:
        """`latency` in seconds is added to every response."""
        self.latency = latency
        self.together = 0
        """Until so many requests have been there at once, none is answered: a client that never sends them waits."""
        self.embed: Callable[[str], list[float]] = embed
        self.requests: list[Request] = []
        self.unanswered: list[Request] = []
        self.most_at_once = 0
        self._at_once = 0
        self._rules: list[Rule] = []
        self._lock = threading.Lock()
        self._ready = threading.Event()
        self._failed: BaseException | None = None
        self._port = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="model-server", daemon=True)

    @property
    def url(self) -> str:
        """What to give as `api_base`."""
        return f"http://127.0.0.1:{self._port}/v1"

    def on(
        self,
        reply: Reply,
        *,
        model: str | None = None,
        contains: str | None = None,
        kind: str | None = None,
        times: int | None = None,
    ) -> Rule:
        """Adds a rule behind those there are; a rule for a number of times gives way when it is used up."""
        rule = Rule(reply, model, contains, kind, times)
        with self._lock:
            self._rules.append(rule)
        return rule

    def script(self, *replies: Reply, model: str | None = None, kind: str | None = None) -> None:
        """Adds replies to be given once each, in this order."""
        for reply in replies:
            self.on(reply, model=model, kind=kind, times=1)

    def reset(self) -> None:
        """Forgets rules and requests."""
        with self._lock:
            self._rules.clear()
            self.requests.clear()
            self.unanswered.clear()
            self.most_at_once = 0

    def to(self, model: str) -> list[Request]:
        """The requests for one model, in order."""
        return [request for request in list(self.requests) if request.model == model]

    def wait_for(self, count: int, *, seconds: float = 10.0) -> None:
        """Blocks until so many requests have come in; TimeoutError if they don't."""
        deadline = time.monotonic() + seconds
        while len(self.requests) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(self.requests)} of {count} requests came in within {seconds} s")
            time.sleep(0.005)

    def __enter__(self) -> ModelServer:
        self._thread.start()
        if not self._ready.wait(START_SECONDS):
            raise TimeoutError("the model server did not start")
        if self._failed is not None:
            raise RuntimeError("the model server did not start") from self._failed
        return self

    def __exit__(self, *_: object) -> None:
        assert self._loop is not None and self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(START_SECONDS)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._failed = error
            self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_post("/{path:.*}", self._handle)
        # With handler_cancellation a client that goes away cancels the handler: `Request.cancelled` shows it.
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self._port = runner.addresses[0][1]
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()

    async def _handle(self, http: web.Request) -> web.StreamResponse:
        request = await self._record(http)
        try:
            reply = self._reply(request)
            await self._others()
            await asyncio.sleep(self.latency + (0.0 if isinstance(reply, str) else reply.delay))
            response = await self._respond(http, request, reply)
            request.status = response.status
            return response
        except asyncio.CancelledError:
            request.cancelled = True
            raise
        finally:
            request.finished = time.monotonic()
            with self._lock:
                self._at_once -= 1

    async def _others(self) -> None:
        deadline = time.monotonic() + TOGETHER_SECONDS
        while self.most_at_once < self.together and time.monotonic() < deadline:
            await asyncio.sleep(0.005)

    async def _record(self, http: web.Request) -> Request:
        raw = await http.read()
        kind = KINDS.get(http.path, "unknown")
        body = json.loads(raw) if raw else {}
        with self._lock:
            request = Request(len(self.requests), kind, http.path, dict(http.headers), body, time.monotonic())
            self.requests.append(request)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        return request

    def _reply(self, request: Request) -> str | Answer | Failure:
        with self._lock:
            rule = next((rule for rule in self._rules if rule.answers(request)), None)
            if rule is not None:
                rule.used += 1
                rule.left = None if rule.left is None else rule.left - 1
        if rule is not None:
            return rule.reply(request) if callable(rule.reply) else rule.reply
        if request.kind == "embeddings":
            return Answer()
        with self._lock:
            self.unanswered.append(request)
        return bad_request(f"no rule answers {request.path} for {request.model}: {request.last[-200:]}")

    async def _respond(self, http: web.Request, request: Request, reply: str | Answer | Failure) -> web.StreamResponse:
        if isinstance(reply, Failure):
            if reply.drop:
                _hang_up(http)
            body = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
            return web.Response(
                status=reply.status or 500, text=body, headers=reply.headers, content_type="application/json"
            )
        answer = Answer(reply) if isinstance(reply, str) else reply
        if request.kind == "embeddings":
            return web.json_response(_embeddings(request, self.embed))
        if request.body.get("stream"):
            return await _stream(http, list(_events(request, answer)), answer.fault)
        body = _BODIES[request.kind](request, answer)
        return web.json_response(body) if answer.fault is None else await _spoiled(http, json.dumps(body), answer.fault)


def _usage(answer: Answer) -> dict[str, int]:
    prompt, completion = answer.prompt_tokens, answer.completion_tokens
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _choices(request: Request, answer: Answer) -> list[str]:
    """As many texts as the request wants; the last one is repeated where the answer has fewer."""
    texts = list(answer.texts)
    wanted = int(request.body.get("n") or 1)
    return (texts + texts[-1:] * wanted)[: max(wanted, 1)]


def _tool_calls(answer: Answer) -> list[dict[str, Any]]:
    return [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": json.dumps(call.arguments)}}
        for call in answer.calls
    ]


def _chat(request: Request, answer: Answer) -> dict[str, Any]:
    calls = _tool_calls(answer)
    choices: list[dict[str, Any]] = []
    for index, text in enumerate(_choices(request, answer)):
        message: dict[str, Any] = {"role": "assistant", "content": text or None if calls else text}
        if calls:
            message["tool_calls"] = calls
        if answer.reasoning is not None:
            message["reasoning_content"] = answer.reasoning
        finish = answer.finish_reason or ("tool_calls" if calls else "stop")
        choices.append({"index": index, "message": message, "finish_reason": finish, "logprobs": answer.logprobs})
    return {
        "id": f"chatcmpl-{request.number}",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": request.model,
        "choices": choices,
        "usage": _usage(answer),
    }


def _text(request: Request, answer: Answer) -> dict[str, Any]:
    finish = answer.finish_reason or "stop"
    return {
        "id": f"cmpl-{request.number}",
        "object": "text_completion",
        "created": 1_700_000_000,
        "model": request.model,
        "choices": [
            {"index": index, "text": text, "finish_reason": finish, "logprobs": answer.logprobs}
            for index, text in enumerate(_choices(request, answer))
        ],
        "usage": _usage(answer),
    }


def _responses(request: Request, answer: Answer) -> dict[str, Any]:
    output: list[dict[str, Any]] = []
    if answer.reasoning is not None:
        summary = [{"type": "summary_text", "text": answer.reasoning}]
        output.append({"type": "reasoning", "id": f"rs_{request.number}", "summary": summary})
    if answer.texts[0] or not answer.calls:
        content = [{"type": "output_text", "text": answer.texts[0], "annotations": []}]
        message = {"type": "message", "id": f"msg_{request.number}", "role": "assistant", "status": "completed"}
        output.append({**message, "content": content})
    for call in answer.calls:
        made = {"type": "function_call", "id": f"fc_{call.id}", "call_id": call.id, "status": "completed"}
        output.append({**made, "name": call.name, "arguments": json.dumps(call.arguments)})
    usage = _usage(answer)
    return {
        "id": f"resp_{request.number}",
        "object": "response",
        "created_at": 1_700_000_000,
        "status": "completed",
        "model": request.model,
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "temperature": 1.0,
        "top_p": 1.0,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "usage": {
            "input_tokens": usage["prompt_tokens"],
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": usage["completion_tokens"],
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": usage["total_tokens"],
        },
    }


_BODIES: dict[str, Callable[[Request, Answer], dict[str, Any]]] = {
    "chat": _chat,
    "text": _text,
    "responses": _responses,
    "unknown": _chat,
}


def _embeddings(request: Request, vector: Callable[[str], list[float]]) -> dict[str, Any]:
    given = request.body.get("input", [])
    texts: list[str] = [given] if isinstance(given, str) else [str(text) for text in given]
    packed = request.body.get("encoding_format") == "base64"
    data: list[dict[str, Any]] = []
    for index, text in enumerate(texts):
        numbers = vector(text)
        coded = base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode() if packed else numbers
        data.append({"object": "embedding", "index": index, "embedding": coded})
    usage = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
    return {"object": "list", "data": data, "model": request.model, "usage": usage}


def _pieces(text: str) -> list[str]:
    """The text in small pieces that join to the text again: words with the space behind them."""
    pieces = text.split(" ")
    return [piece + " " for piece in pieces[:-1]] + pieces[-1:] if text else []


def _events(request: Request, answer: Answer) -> Iterator[dict[str, Any] | str]:
    """The server-sent events of an answer; a string goes out as it is."""
    if request.kind == "responses":
        yield from _response_events(request, answer)
        return
    whole = _BODIES[request.kind](request, answer)
    head = {key: whole[key] for key in ("id", "created", "model")}
    head["object"] = "chat.completion.chunk" if request.kind == "chat" else "text_completion"
    for choice in whole["choices"]:
        for change in _changes(request.kind, choice):
            yield {**head, "choices": [{"index": choice["index"], "finish_reason": None, **change}]}
        last = {"delta": {}} if request.kind == "chat" else {"text": ""}
        yield {
            **head,
            "choices": [{"index": choice["index"], "finish_reason": choice["finish_reason"], **last}],
        }
    if (request.body.get("stream_options") or {}).get("include_usage"):
        yield {**head, "choices": [], "usage": whole["usage"]}
    yield "[DONE]"


def _changes(kind: str, choice: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if kind == "text":
        yield from ({"text": piece} for piece in _pieces(choice["text"]))
        return
    message = choice["message"]
    yield {"delta": {"role": "assistant", "content": ""}}
    if message.get("reasoning_content"):
        yield from ({"delta": {"reasoning_content": piece}} for piece in _pieces(message["reasoning_content"]))
    yield from ({"delta": {"content": piece}} for piece in _pieces(message["content"] or ""))
    for index, call in enumerate(message.get("tool_calls", [])):
        yield {"delta": {"tool_calls": [{"index": index, **call}]}}


def _response_events(request: Request, answer: Answer) -> Iterator[dict[str, Any]]:
    whole = _responses(request, answer)
    yield {
        "type": "response.created",
        "sequence_number": 0,
        "response": {**whole, "status": "in_progress", "output": []},
    }
    place = {"item_id": f"msg_{request.number}", "output_index": len(whole["output"]) - 1, "content_index": 0}
    for number, piece in enumerate(_pieces(answer.texts[0]), start=1):
        yield {"type": "response.output_text.delta", "sequence_number": number, **place, "delta": piece, "logprobs": []}
    yield {"type": "response.completed", "sequence_number": 10_000, "response": whole}


async def _spoiled(http: web.Request, body: str, fault: str) -> web.StreamResponse:
    """Half of a body, of a response that ends there or is said to be longer."""
    half = body[: len(body) // 2].encode()
    if fault == "malformed":
        return web.Response(body=half, content_type="application/json")
    response = web.StreamResponse(headers={"content-type": "application/json", "content-length": str(len(body))})
    await response.prepare(http)
    await response.write(half)
    _hang_up(http)
    return response


async def _stream(http: web.Request, events: Sequence[dict[str, Any] | str], fault: str | None) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-type": "text/event-stream", "cache-control": "no-cache"})
    await response.prepare(http)
    for number, event in enumerate(events):
        text = event if isinstance(event, str) else json.dumps(event)
        if fault is not None and number == len(events) // 2:
            if fault == "cut":
                _hang_up(http)
                return response
            text = text[: len(text) // 2]
        name = f"event: {event['type']}\n" if isinstance(event, dict) and "type" in event else ""
        await response.write(f"{name}data: {text}\n\n".encode())
        await asyncio.sleep(0)
    await response.write_eof()
    return response


def _hang_up(http: web.Request) -> None:
    if http.transport is not None:
        http.transport.close()
