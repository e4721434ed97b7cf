"""ReAct, ReActV2, BestOfN, Refine and BootstrapFewShot where more than their messages counts."""

import asyncio
import json
import time

import dspy
import pytest
from dspy.predict.react_v2 import ReActV2

from tests.generated.support import AsyncSide, Recorder, fields, lm_at, scripted
from tests.support.model_server import Answer, Call, ModelServer, context_window


def turn(tool: str, **arguments):
    return fields(next_thought="t", next_tool_name=tool, next_tool_args=json.dumps(arguments))


async def look(settings: dspy.Settings, query: str) -> str:
    """Looks."""
    await asyncio.sleep(0)
    return f"{query} for {settings.tenant}"


class TestReAct:
    """`dspy.ReAct`."""

    async def test_two_tenants_and_one_agent(self):
        agent = dspy.ReAct("question -> answer", tools=[look])

        async def tenant(name):
            _, lm = scripted(turn("look", query=name), turn("finish"), fields(reasoning="r", answer=name))
            return await agent(dspy.Settings(lm=lm, tenant=name), question="?")

        found = await asyncio.gather(*(tenant(name) for name in "abc"))
        assert [each.trajectory["observation_0"] for each in found] == [f"{name} for {name}" for name in "abc"]

    async def test_max_iters(self):
        _, lm = scripted(turn("look", query="x"), fields(reasoning="r", answer="a"))
        agent = dspy.ReAct("question -> answer", tools=[look], max_iters=5)
        prediction = await agent(dspy.Settings(lm=lm, tenant="t"), question="?", max_iters=1)
        assert set(prediction.trajectory) == {"thought_0", "tool_name_0", "tool_args_0", "observation_0"}

    async def test_a_tool_that_fails_is_an_observation(self):
        async def broken(settings, x: int) -> int:
            raise KeyError("no such x")

        _, lm = scripted(turn("broken", x=1), turn("finish"), fields(reasoning="r", answer="a"))
        agent = dspy.ReAct("question -> answer", tools=[broken])
        observation = (await agent(dspy.Settings(lm=lm), question="?")).trajectory["observation_0"]
        assert observation.startswith("Execution error in broken:") and "KeyError: 'no such x'" in observation
        assert "in broken" in observation, "the frame of the user's own function is among the few that are shown"
        assert "supplied" not in observation

    async def test_cancelled_in_a_tool(self):
        """Cancellation is not an error of the tool for the agent to go on from."""
        began = asyncio.Event()

        async def forever(settings) -> str:
            began.set()
            await asyncio.sleep(30)
            return ""

        side, lm = scripted(turn("forever"), turn("finish"), fields(reasoning="r", answer="a"))
        task = asyncio.create_task(
            dspy.ReAct("question -> answer", tools=[forever])(dspy.Settings(lm=lm), question="?")
        )
        await began.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(side.log) == 1

    async def test_too_long_over_http(self, server: ModelServer):
        server.on(turn("look", query="x"), times=2)
        server.on(context_window(), times=1)
        server.on(turn("finish"), times=1)
        server.on(fields(reasoning="r", answer="a"))
        agent = dspy.ReAct("question -> answer", tools=[look])
        prediction = await agent(dspy.Settings(lm=lm_at(server), tenant="t"), question="?")
        assert prediction.answer == "a"
        assert "thought_0" in server.requests[2].last and "thought_0" not in server.requests[3].last

    async def test_own_truncation(self):
        class Mine(dspy.ReAct):
            def truncate_trajectory(self, trajectory):
                return {"note": "cut"}

        side, lm = scripted(
            dspy.ContextWindowExceededError(message="long"), turn("finish"), fields(reasoning="r", answer="a")
        )
        await Mine("question -> answer", tools=[look])(dspy.Settings(lm=lm), question="?")
        assert "[[ ## note ## ]]\ncut" in side.log[1]["messages"][-1]["content"]

    async def test_without_settings_nothing_is_swallowed(self):
        """The TypeError of a forgotten argument is the caller's, not an observation."""
        with pytest.raises(TypeError, match="settings"):
            await dspy.ReAct("question -> answer", tools=[look])(question="?")


class TestReActV2:
    """`ReActV2`."""

    async def test_native_over_http(self, server: ModelServer):
        server.script(
            Answer("", calls=[Call("look", {"query": "x"}, "c1"), Call("look", {"query": "y"}, "c2")]),
            Answer("", calls=[Call("submit", {"answer": "both"}, "c3")]),
        )
        adapter = dspy.ChatAdapter(use_native_function_calling=True)
        settings = dspy.Settings(lm=lm_at(server, "gpt-4o-mini"), adapter=adapter, tenant="t")
        prediction = await ReActV2("question -> answer", tools=[look])(settings, question="?")
        assert (prediction.answer, prediction.termination_reason) == ("both", "submit")
        results = prediction.history.messages[0]["tool_calls"].tool_call_results.tool_call_results
        assert [result.value for result in results] == ["x for t", "y for t"]
        names = [tool["function"]["name"] for tool in server.requests[0].body["tools"]]
        assert names == ["look", "submit"]
        assert "settings" not in json.dumps(server.requests[0].body["tools"])

    async def test_forced_submit(self):
        _, lm = scripted(
            *[fields(next_thought="t", tool_calls=json.dumps({"tool_calls": [call]}))
              for call in ({"name": "look", "args": {"query": "x"}}, {"name": "submit", "args": {"answer": "a"}})]
        )  # fmt: skip
        agent = ReActV2("question -> answer", tools=[look], max_iters=1)
        prediction = await agent(dspy.Settings(lm=lm, tenant="t"), question="?")
        assert (prediction.answer, prediction.termination_reason) == ("a", "forced_submit")

    async def test_cancelled_in_a_tool(self):
        began = asyncio.Event()

        async def forever(settings) -> str:
            began.set()
            await asyncio.sleep(30)
            return ""

        calls = json.dumps({"tool_calls": [{"name": "forever", "args": {}}]})
        side, lm = scripted(*[fields(next_thought="t", tool_calls=calls)] * 3)
        task = asyncio.create_task(ReActV2("question -> answer", tools=[forever])(dspy.Settings(lm=lm), question="?"))
        await began.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(side.log) == 1


async def reward(settings, arguments, prediction):
    await asyncio.sleep(0)
    return float(prediction.answer)


class TestBestOfNAndRefine:
    """The best of several tries."""

    async def test_the_best_is_kept_and_traced(self):
        _, lm = scripted(*[fields(answer=text) for text in ("0.1", "0.9", "0.5")])
        best = dspy.BestOfN(dspy.Predict("question -> answer"), 3, reward, 1.0)
        settings = dspy.Settings(lm=lm, trace=[])
        assert (await best(settings, question="?")).answer == "0.9"
        assert [step[2].answer for step in settings.trace] == ["0.9"]

    async def test_it_stops_at_the_threshold(self):
        side, lm = scripted(*[fields(answer=text) for text in ("0.1", "0.9", "0.5")])
        best = dspy.BestOfN(dspy.Predict("question -> answer"), 3, reward, 0.8)
        await best(dspy.Settings(lm=lm), question="?")
        assert [each["kwargs"]["rollout_id"] for each in side.log] == [0, 1]
        assert all(each["kwargs"]["temperature"] == 1.0 for each in side.log)

    async def test_a_reward_without_settings_is_no_swallowed_error(self, capsys):
        """A reward that fails is an attempt that fails, told on stdout as upstream does; then there is no answer."""

        async def broken(settings, arguments, prediction):
            raise KeyError("reward")

        _, lm = scripted(*[fields(answer="1")] * 2)
        best = dspy.BestOfN(dspy.Predict("question -> answer"), 2, broken, 1.0)
        assert await best(dspy.Settings(lm=lm), question="?") is None
        assert capsys.readouterr().out.count("BestOfN: Attempt") == 2

    async def test_hints_reach_the_next_try(self):
        side, lm = scripted(
            fields(answer="0.1"),
            fields(discussion="d", advice=json.dumps({"self": "answer with one"})),
            fields(answer="1"),
        )
        refine = dspy.Refine(dspy.Predict("question -> answer"), 2, reward, 1.0)
        assert (await refine(dspy.Settings(lm=lm), question="?")).answer == "1"
        assert "answer with one" in side.log[2]["messages"][-1]["content"]
        advised = side.log[1]["messages"][-1]["content"]
        assert "async def reward(settings, arguments, prediction)" in advised

    async def test_refines_of_two_tenants_do_not_mix(self):
        refine = dspy.Refine(dspy.Predict("question -> answer"), 2, reward, 1.0)

        async def tenant(name):
            side, lm = scripted(
                fields(answer="0.1"),
                fields(discussion="d", advice=json.dumps({"self": f"hint {name}"})),
                fields(answer="1"),
            )
            await refine(dspy.Settings(lm=lm), question="?")
            return side.log[2]["messages"][-1]["content"]

        for name, prompt in zip("ab", await asyncio.gather(*(tenant(name) for name in "ab")), strict=True):
            assert f"hint {name}" in prompt and prompt.count("hint ") == 1


class TestBootstrap:
    """`dspy.BootstrapFewShot`."""

    def trainset(self, count: int = 4):
        return [dspy.Example(question=f"q{n}", answer=f"a{n}").with_inputs("question") for n in range(count)]

    def settings(self, wrong: str = "q1"):
        def answer(last, _):
            number = last.rpartition("[[ ## question ## ]]\nq")[2][0]
            return fields(answer="wrong" if f"q{number}" == wrong else f"a{number}")

        return dspy.Settings(lm=AsyncSide(dspy).lm(answer), trace=[])

    async def metric(self, settings, example, prediction, trace=None):
        assert trace is not None
        return example.answer == prediction.answer

    async def test_demos(self):
        optimizer = dspy.BootstrapFewShot(metric=self.metric, max_bootstrapped_demos=2, max_labeled_demos=3)
        student = dspy.Predict("question -> answer")
        settings = self.settings()
        program = await optimizer.compile(settings, student, trainset=self.trainset())
        assert [demo.question for demo in program.demos[:2]] == ["q0", "q2"]
        assert all(demo.augmented for demo in program.demos[:2]) and len(program.demos) == 3
        assert program._compiled and student.demos == []
        assert settings.trace == [], "bootstrapping has a trace of its own"

    async def test_teacher_and_its_settings(self):
        teacher_side = AsyncSide(dspy)
        teacher_lm = teacher_side.lm(lambda last, _: fields(answer="a" + last.rpartition("]]\nq")[2][0]))
        optimizer = dspy.BootstrapFewShot(metric=self.metric, teacher_settings={"lm": teacher_lm})
        student = dspy.Predict("question -> answer")
        settings = self.settings(wrong="q0")
        teacher = dspy.Predict("question -> answer")
        program = await optimizer.compile(settings, student, teacher=teacher, trainset=self.trainset())
        assert len(program.demos) == 4 and len(teacher_side.log) == 4
        assert settings.lm.history == []

    async def test_max_errors(self):
        async def broken(settings, example, prediction, trace=None):
            raise KeyError("metric")

        with pytest.raises(KeyError, match="metric"):
            optimizer = dspy.BootstrapFewShot(metric=broken, max_errors=2)
            await optimizer.compile(self.settings(), dspy.Predict("question -> answer"), trainset=self.trainset())
        with pytest.raises(KeyError, match="metric"):
            optimizer = dspy.BootstrapFewShot(metric=broken)
            settings = self.settings().context(max_errors=1)
            await optimizer.compile(settings, dspy.Predict("question -> answer"), trainset=self.trainset())

    async def test_cancelled(self, server: ModelServer):
        server.on(Answer("late", delay=30))
        optimizer = dspy.BootstrapFewShot(metric=self.metric)
        student = dspy.Predict("question -> answer")
        task = asyncio.create_task(
            optimizer.compile(dspy.Settings(lm=lm_at(server)), student, trainset=self.trainset())
        )
        await asyncio.to_thread(server.wait_for, 1)
        started = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - started < 2 and len(server.requests) == 1

    async def test_two_at_once(self):
        async def tenant():
            recorder = Recorder()
            settings = self.settings().context(callbacks=[recorder])
            optimizer = dspy.BootstrapFewShot(metric=self.metric, max_labeled_demos=0)
            program = await optimizer.compile(settings, dspy.Predict("question -> answer"), trainset=self.trainset())
            return [demo.question for demo in program.demos], recorder.names.count("lm start")

        assert await asyncio.gather(*(tenant() for _ in range(3))) == [(["q0", "q2", "q3"], 4)] * 3
