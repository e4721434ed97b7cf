"""Section 3 of the contract: every function a user supplies, sync or async, with settings or without."""

import asyncio
import functools
import inspect
import json
import threading
import time
from pathlib import Path
from typing import Annotated, Optional

import dspy
import pytest
from dspy.utils.supplied import is_coroutine_function

from tests.generated.support import Recorder, fields, scripted
from tests.support.model_server import ModelServer


def kinds(body):
    """The same function in each form a user may give it; `body` gets settings or None, and the arguments."""

    async def async_with(settings: dspy.Settings, *args, **kwargs):
        await asyncio.sleep(0)
        return body(settings, *args, **kwargs)

    async def async_without(*args, **kwargs):
        await asyncio.sleep(0)
        return body(None, *args, **kwargs)

    def sync_with(settings, *args, **kwargs):
        return body(settings, *args, **kwargs)

    def sync_without(*args, **kwargs):
        return body(None, *args, **kwargs)

    async def annotated(s: dspy.Settings, *args, **kwargs):
        return body(s, *args, **kwargs)

    async def annotated_by_text(s: "dspy.Settings", *args, **kwargs):
        return body(s, *args, **kwargs)

    async def optional(s: dspy.Settings | None, *args, **kwargs):
        return body(s, *args, **kwargs)

    def annotated_further(s: Annotated[Optional[dspy.Settings], "whose"], *args, **kwargs):  # noqa: UP045
        return body(s, *args, **kwargs)

    async def by_keyword(*args, settings, **kwargs):
        return body(settings, *args, **kwargs)

    def by_annotated_keyword(*args, s: "dspy.Settings | None" = None, **kwargs):
        return body(s, *args, **kwargs)

    def returns_a_future(settings, *args, **kwargs):
        future = asyncio.get_running_loop().create_future()
        future.set_result(body(settings, *args, **kwargs))
        return future

    class Object:
        async def __call__(self, settings, *args, **kwargs):
            return body(settings, *args, **kwargs)

        async def method(self, settings, *args, **kwargs):
            return body(settings, *args, **kwargs)

        def plain(self, *args, **kwargs):
            return body(None, *args, **kwargs)

    @functools.wraps(async_with)
    def wrapped(*args, **kwargs):
        return async_with(*args, **kwargs)

    return {
        "async with settings": async_with,
        "async without": async_without,
        "sync with settings": sync_with,
        "sync without": sync_without,
        "by annotation": annotated,
        "by annotation as text": annotated_by_text,
        "optional": optional,
        "annotated further": annotated_further,
        "by keyword": by_keyword,
        "by annotated keyword": by_annotated_keyword,
        "returns a future": returns_a_future,
        "object": Object(),
        "method": Object().method,
        "plain method": Object().plain,
        "partial": functools.partial(async_with),
        "wrapped": wrapped,
        "in a thread": dspy.asyncify(sync_without),
        "in a thread with settings": dspy.asyncify(sync_with),
        "in a thread by keyword": dspy.asyncify(by_annotated_keyword),
    }


KINDS = list(kinds(lambda *_: None))
GIVEN = {"async without", "sync without", "plain method", "in a thread"}
"""The kinds that are called without settings."""

every_kind = pytest.mark.parametrize("kind", KINDS)


class Seen:
    """What a body was called with; it answers with a constant."""

    def __init__(self, answer=1.0):
        self.calls = []
        self.answer = answer

    def __call__(self, settings, *args, **kwargs):
        self.calls.append((settings, args, kwargs))
        return self.answer

    def check(self, kind, settings_lm):
        """All calls got settings, with the caller's own language model, exactly if they ask for them."""
        assert self.calls
        for settings, _, _ in self.calls:
            assert (settings is None) == (kind in GIVEN)
            assert settings is None or (isinstance(settings, dspy.Settings) and settings.lm is settings_lm)


def examples(count: int = 2):
    return [dspy.Example(question=f"q{n}", answer="a").with_inputs("question") for n in range(count)]


@pytest.mark.api("3.1", "3.2", "3.3", "3.4")
@every_kind
async def test_metric_of_evaluate(kind: str):
    seen = Seen()
    _, lm = scripted(fields(answer="a"), fields(answer="a"))
    evaluate = dspy.Evaluate(devset=examples(), metric=kinds(seen)[kind])
    result = await evaluate(dspy.Settings(lm=lm), dspy.Predict("question -> answer"))
    assert result.score == 100.0
    seen.check(kind, lm)
    assert all(len(args) == 2 and not kwargs for _, args, kwargs in seen.calls)


@pytest.mark.api("3.1", "3.2", "3.3", "3.4")
@every_kind
async def test_metric_of_an_optimizer(kind: str):
    seen = Seen(True)
    _, lm = scripted(fields(answer="a"), fields(answer="a"))
    optimizer = dspy.BootstrapFewShot(metric=kinds(seen)[kind], max_labeled_demos=0)
    program = await optimizer.compile(dspy.Settings(lm=lm), dspy.Predict("question -> answer"), trainset=examples())
    assert len(program.demos) == 2
    seen.check(kind, lm)
    assert all(len(args) == 3 and isinstance(args[2], list) for _, args, _ in seen.calls)


# Refine quotes the reward's source in a prompt; a partial has none, and upstream refuses it from Python 3.13 on.
REWARDS = [(kind, dspy.BestOfN) for kind in KINDS] + [(kind, dspy.Refine) for kind in KINDS if kind != "partial"]


@pytest.mark.api("3.1", "3.2", "3.3", "3.4")
@pytest.mark.parametrize(("kind", "module"), REWARDS)
async def test_reward(kind: str, module):
    seen = Seen(1.0)
    _, lm = scripted(fields(answer="a"))
    best = module(dspy.Predict("question -> answer"), 2, kinds(seen)[kind], 1.0)
    assert (await best(dspy.Settings(lm=lm), question="?")).answer == "a"
    (call,) = seen.calls
    assert call[1][0] == {"question": "?"} and call[1][1].answer == "a"
    seen.check(kind, lm)


@pytest.mark.api("3.1", "3.2", "3.3", "3.4")
@every_kind
async def test_embedding_function(kind: str):
    seen = Seen([[1.0, 2.0]])
    settings = dspy.Settings(lm="mine")
    embedder = dspy.Embedder(kinds(seen)[kind], caching=False, extra=3)
    found = await embedder(settings, "text")
    assert found.tolist() == [1.0, 2.0]
    seen.check(kind, "mine")
    assert seen.calls[0][1:] == ((["text"],), {"extra": 3})


@pytest.mark.api("3.1", "3.2", "3.3", "3.4")
@every_kind
async def test_tool_without_a_signature(kind: str):
    """These take anything, so the tool's arguments are given by hand."""
    seen = Seen("found")
    tool = dspy.Tool(
        kinds(seen)[kind], name="look", desc="Looks.", args={"q": {"type": "string"}}, arg_types={"q": str}
    )
    settings = dspy.Settings(lm="mine")
    assert await tool(settings, q="x") == "found"
    assert await tool.acall(settings, q="x") == "found"
    seen.check(kind, "mine")
    assert all(call[1:] == ((), {"q": "x"}) for call in seen.calls)


async def look_async(settings: dspy.Settings, query: str, limit: int = 3) -> str:
    """Looks."""
    return f"{settings.lm} {query} {limit}"


async def look_async_without(query: str, limit: int = 3) -> str:
    """Looks."""
    return f"none {query} {limit}"


def look_sync(settings, query: str, limit: int = 3) -> str:
    """Looks."""
    return f"{settings.lm} {query} {limit}"


def look_sync_without(query: str, limit: int = 3) -> str:
    """Looks."""
    return f"none {query} {limit}"


class Look:
    """Looks."""

    async def __call__(self, settings: dspy.Settings, query: str, limit: int = 3) -> str:
        return f"{settings.lm} {query} {limit}"

    async def method(self, settings: dspy.Settings, query: str, limit: int = 3) -> str:
        """Looks."""
        return f"{settings.lm} {query} {limit}"


TOOLS = {
    "async": look_async,
    "async without": look_async_without,
    "sync": look_sync,
    "sync without": look_sync_without,
    "object": Look(),
    "method": Look().method,
    "in a thread": dspy.asyncify(look_sync),
    "in a thread without": dspy.asyncify(look_sync_without),
}


@pytest.mark.api("3.6")
@pytest.mark.parametrize("kind", TOOLS)
async def test_tools_show_no_settings(kind: str):
    tool = dspy.Tool(TOOLS[kind])
    plain = dspy.Tool(look_sync_without, name=tool.name)
    assert tool.args == plain.args == {"query": {"type": "string"}, "limit": {"type": "integer", "default": 3}}
    assert set(tool.arg_types) - {"return"} == {"query", "limit"}
    assert tool.desc == "Looks."
    assert str(tool) == str(plain)
    assert tool.format_as_litellm_function_call() == plain.format_as_litellm_function_call()
    assert "settings" not in json.dumps(tool.format_as_litellm_function_call()) + str(tool)
    expected = "none x 3" if "without" in kind else "mine x 3"
    assert await tool(dspy.Settings(lm="mine"), query="x") == expected
    with pytest.raises(ValueError, match="settings"):
        await tool(dspy.Settings(lm="mine"), query="x", settings="mine")


@pytest.mark.api("3.6", "3.1")
@pytest.mark.parametrize("kind", TOOLS)
async def test_tools_in_an_agent(kind: str):
    side, lm = scripted(
        fields(next_thought="t", next_tool_name="look", next_tool_args='{"query": "x"}'),
        fields(next_thought="t", next_tool_name="finish", next_tool_args="{}"),
        fields(reasoning="r", answer="a"),
    )
    agent = dspy.ReAct("question -> answer", tools=[dspy.Tool(TOOLS[kind], name="look")])
    settings = dspy.Settings(lm=lm)
    prediction = await agent(settings, question="?")
    lead = "none" if "without" in kind else str(lm)
    assert prediction.trajectory["observation_0"] == f"{lead} x 3"
    assert "settings" not in json.dumps(side.log[0])


@pytest.mark.api("4.1")
@pytest.mark.parametrize("name", ["__call__", "acall"])
async def test_a_tool_that_overrides_either_name(name: str):
    """A check that a subclass makes before a call is made whichever name it is called by."""

    async def refuse(self, settings, /, **kwargs):
        return "refused"

    tool = type("Guarded", (dspy.Tool,), {name: refuse})(lambda query: "done", name="look")
    settings = dspy.Settings()
    assert [await tool(settings, query="x"), await tool.acall(settings, query="x")] == ["refused", "refused"]
    assert await dspy.Tool(lambda query: "done", name="look").acall(settings, query="x") == "done"


class TestHandlers:
    """Callback handlers."""

    @pytest.mark.api("3.5", "3.7")
    async def test_a_blocking_one_in_a_worker_thread(self):
        seen = []

        class Handler(dspy.utils.BaseCallback):
            @dspy.asyncify
            def on_module_start(self, call_id, instance, settings, inputs):
                seen.append((settings.tenant, inputs, threading.current_thread() is threading.main_thread()))

        settings = dspy.Settings(lm=scripted(fields(answer="a"))[1], tenant="t", callbacks=[Handler()])
        await dspy.Predict("question -> answer")(settings, question="?")
        assert seen == [("t", {"args": (), "kwargs": {"question": "?"}}, False)]

    def handler(self, kind: str, seen: list):
        class Handler(dspy.utils.BaseCallback):
            if kind == "async with":

                async def on_module_start(self, call_id, instance, settings, inputs):
                    seen.append((settings, inputs))

                async def on_module_end(self, call_id, settings, outputs, exception):
                    seen.append((settings, outputs))

            elif kind == "async without":

                async def on_module_start(self, call_id, instance, inputs):
                    seen.append((None, inputs))

                async def on_module_end(self, call_id, outputs, exception):
                    seen.append((None, outputs))

            elif kind == "sync with":

                def on_module_start(self, call_id, instance, settings, inputs):
                    seen.append((settings, inputs))

                def on_module_end(self, call_id, settings, outputs, exception):
                    seen.append((settings, outputs))

            else:

                def on_module_start(self, call_id, instance, inputs):
                    seen.append((None, inputs))

                def on_module_end(self, call_id, outputs, exception):
                    seen.append((None, outputs))

        return Handler()

    @pytest.mark.api("3.1", "3.2", "3.3")
    @pytest.mark.parametrize("kind", ["async with", "async without", "sync with", "sync without"])
    async def test_each_kind(self, kind: str):
        seen = []
        _, lm = scripted(fields(answer="a"))
        settings = dspy.Settings(lm=lm, callbacks=[self.handler(kind, seen)])
        prediction = await dspy.Predict("question -> answer")(settings, question="?")
        (start, inputs), (end, outputs) = seen
        assert inputs == {"kwargs": {"question": "?"}} or inputs == {"args": (), "kwargs": {"question": "?"}}
        assert outputs is prediction
        for given in (start, end):
            assert (given is None) == ("without" in kind)
            assert given is None or (isinstance(given, dspy.Settings) and given.lm is lm)

    @pytest.mark.api("3.8")
    def test_base_handlers_take_settings(self):
        for name, handler in inspect.getmembers(dspy.utils.BaseCallback, inspect.isfunction):
            if not name.startswith("on_"):
                continue
            names = list(inspect.signature(handler).parameters)
            expected = ["self", "call_id", "instance", "settings", "inputs"]
            assert names == (
                expected if name.endswith("start") else ["self", "call_id", "settings", "outputs", "exception"]
            )
            assert is_coroutine_function(handler), name

    async def test_overrides_may_call_the_base(self):
        class Handler(Recorder):
            async def on_lm_start(self, call_id, instance, settings, inputs):
                await super().on_lm_start(call_id, instance, settings, inputs)
                await dspy.utils.BaseCallback.on_lm_start(self, call_id, instance, settings, inputs)

        handler = Handler()
        _, lm = scripted(fields(answer="a"))
        await dspy.Predict("question -> answer")(dspy.Settings(lm=lm, callbacks=[handler]), question="?")
        assert handler.names.count("lm start") == 1

    @pytest.mark.api("3.7")
    async def test_inputs_show_no_settings(self):
        recorder = Recorder()
        _, lm = scripted(fields(answer="a"))
        tool = dspy.Tool(look_async)
        settings = dspy.Settings(lm=lm, callbacks=[recorder])
        await dspy.Predict("question -> answer")(settings, question="?")
        await tool(settings, query="x")
        evaluate = dspy.Evaluate(devset=[], metric=lambda e, p: 1)
        with pytest.raises(ZeroDivisionError):
            await evaluate(settings, tool)
        for name, inputs in recorder.events:
            if name.endswith("start"):
                assert not any(isinstance(value, dspy.Settings) for value in inputs.values()), (name, inputs)
                assert "settings" not in inputs

    async def test_an_error_in_a_handler_is_logged_and_no_more(self, dspy_log):
        class Broken(Recorder):
            async def on_module_start(self, call_id, instance, settings, inputs):
                raise RuntimeError("start is broken")

            def on_module_end(self, call_id, outputs, exception):
                raise RuntimeError("end is broken")

        _, lm = scripted(fields(answer="a"))
        settings = dspy.Settings(lm=lm, callbacks=[Broken()])
        assert (await dspy.Predict("question -> answer")(settings, question="?")).answer == "a"
        assert "start is broken" in dspy_log.text and "end is broken" in dspy_log.text


class Slow:
    """A blocking function, and how many of its calls were under way at most."""

    def __init__(self) -> None:
        self.most = 0
        self._at_once = 0
        self._lock = threading.Lock()

    def __call__(self, *_: object) -> None:
        with self._lock:
            self._at_once += 1
            self.most = max(self.most, self._at_once)
        time.sleep(0.02)
        with self._lock:
            self._at_once -= 1


class TestAsyncify:
    """`dspy.asyncify`."""

    @pytest.mark.api("3.5", "4.4")
    async def test_it_runs_in_a_worker_thread(self):
        def where(x, *, y=1):
            return threading.get_ident(), x, y

        ident, x, y = await dspy.asyncify(where)(5, y=2)
        assert ident != threading.get_ident() and (x, y) == (5, 2)

    @pytest.mark.api("4.4")
    async def test_settings_that_are_no_first_parameter_come_by_keyword(self):
        settings = dspy.Settings(lm="mine")
        assert await dspy.asyncify(lambda x, *, settings: (settings.lm, x))(settings=settings, x=1) == ("mine", 1)

    @pytest.mark.api("4.4")
    async def test_it_hands_on_settings_that_are_asked_for(self):
        settings = dspy.Settings(lm="mine")
        assert await dspy.asyncify(lambda settings, x: (settings.lm, x))(settings, 1) == ("mine", 1)
        assert await dspy.asyncify(lambda x: x)(settings, 1) == 1
        assert await dspy.asyncify(lambda x: x)(1) == 1

    @pytest.mark.api("4.4")
    async def test_async_max_workers_is_the_limit(self):
        slow = Slow()
        run = dspy.asyncify(slow)
        settings = dspy.Settings(async_max_workers=2)
        await asyncio.gather(*(run(settings, number) for number in range(8)))
        assert slow.most == 2

    @pytest.mark.api("4.4")
    async def test_limits_are_kept_apart(self):
        """Whatever other calls of the same event loop come with."""
        slow = Slow()

        async def others():
            for _ in range(10):
                await dspy.asyncify(time.sleep)(dspy.Settings(async_max_workers=8), 0.005)

        run, settings = dspy.asyncify(slow), dspy.Settings(async_max_workers=1)
        await asyncio.gather(others(), *(run(settings) for _ in range(6)))
        assert slow.most == 1

    @pytest.mark.api("4.4")
    def test_event_loops_do_not_wait_for_each_other(self):
        run, settings = dspy.asyncify(time.sleep), dspy.Settings(async_max_workers=2)
        done: list[int] = []

        async def several() -> None:
            calls = asyncio.gather(*(run(settings, 0.002) for _ in range(30)))
            done.append(len(await asyncio.wait_for(calls, 30)))

        threads = [threading.Thread(target=asyncio.run, args=(several(),)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert done == [30] * 3

    def test_it_runs_under_trio(self):
        trio = pytest.importorskip("trio")
        run = dspy.asyncify(threading.get_ident)
        assert trio.run(run, dspy.Settings(async_max_workers=2)) != threading.get_ident()

    async def test_errors_come_through(self):
        def broken():
            raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            await dspy.asyncify(broken)()

    async def test_it_keeps_the_name(self):
        assert dspy.asyncify(look_sync_without).__name__ == "look_sync_without"
        assert inspect.iscoroutinefunction(dspy.asyncify(look_sync_without))

    async def test_a_program(self):
        _, lm = scripted(fields(answer="a"))
        program = dspy.asyncify(dspy.Predict("question -> answer"))
        assert (await program(dspy.Settings(lm=lm), question="?")).answer == "a"


class TestSyncify:
    """`dspy.syncify`, for scripts."""

    @pytest.mark.api("4.5")
    @pytest.mark.parametrize("in_place", [True, False])
    def test_a_program(self, in_place: bool):
        _, lm = scripted(fields(reasoning="r", answer="a"), fields(reasoning="r", answer="b"))
        original = dspy.ChainOfThought("question -> answer")
        program = dspy.syncify(original, in_place=in_place)
        settings = dspy.Settings(lm=lm)
        assert program(settings, question="?").answer == "a"
        assert program(settings, question="?").answer == "b"
        assert (program is original) == in_place
        assert len(program.predictors()) == 1

    def test_calls_share_a_loop_and_what_belongs_to_it(self):
        """As a connection or a process does."""
        loops: list[asyncio.AbstractEventLoop] = []

        class Program(dspy.Module):
            async def forward(self, settings):
                loops.append(asyncio.get_running_loop())

        program = dspy.syncify(Program())
        for _ in range(2):
            program(dspy.Settings())
        thread = threading.Thread(target=program, args=(dspy.Settings(),))
        thread.start()
        thread.join()
        assert loops[0] is loops[1] is not loops[2]
        assert not loops[0].is_closed()

    def test_calls_share_a_connection(self, server: ModelServer):
        server.on(fields(answer="a"))
        lm = dspy.LM("openai/m", api_base=server.url, api_key="k", cache=False)
        program, settings = dspy.syncify(dspy.Predict("question -> answer")), dspy.Settings(lm=lm)
        assert program(settings, question="?").answer == "a"
        open_files = len(list(Path("/dev/fd").iterdir()))
        for _ in range(5):
            program(settings, question="?")
        assert len(list(Path("/dev/fd").iterdir())) <= open_files

    @pytest.mark.parametrize("in_place", [True, False])
    def test_twice_is_as_once(self, in_place: bool):
        _, lm = scripted(fields(answer="a"), fields(answer="b"), fields(answer="c"))
        settings = dspy.Settings(lm=lm)
        once = dspy.syncify(dspy.Predict("question -> answer"))
        twice = dspy.syncify(once, in_place=in_place)
        assert (twice is once) == in_place
        assert twice(settings, question="?").answer == "a"
        assert once(settings, question="?").answer == "b"
        assert (
            dspy.syncify(dspy.syncify(dspy.Predict("question -> answer").acall))(settings, question="?").answer == "c"
        )

    @pytest.mark.api("4.5", "4.3")
    def test_one_that_defines_aforward(self):
        class Program(dspy.Module):
            async def aforward(self, settings, question):
                await asyncio.sleep(0)
                return dspy.Prediction(answer=question)

        assert dspy.syncify(Program())(dspy.Settings(), question="x").answer == "x"

    @pytest.mark.api("2.2")
    def test_missing_settings(self):
        with pytest.raises(TypeError, match="settings"):
            dspy.syncify(dspy.Predict("question -> answer"))(question="?")
