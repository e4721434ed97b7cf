"""`dspy.Module` and the modules built on it: batch, copies, saving, usage, history, names of methods."""

import asyncio
import copy
import json
import pickle

import cloudpickle
import dspy
import pytest

from tests.generated.support import Recorder, echo, fields, lm_at, scripted
from tests.support.model_server import ModelServer, server_error


class Chain(dspy.Module):
    """Two predictors in a row."""

    def __init__(self):
        super().__init__()
        self.first = dspy.Predict("question -> draft")
        self.second = dspy.ChainOfThought("draft -> answer")

    async def forward(self, settings, question):
        draft = await self.first(settings, question=question)
        return await self.second(settings, draft=draft.draft)


def chain_answers(times: int = 1):
    return [fields(draft="d"), fields(reasoning="r", answer="a")] * times


class TestNames:
    """`__call__`, `acall`, `forward`, `aforward`."""

    @pytest.mark.api("4.1", "4.2")
    def test_twins_are_the_same_function(self):
        assert dspy.Module.acall is dspy.Module.__call__
        assert dspy.Predict.acall is dspy.Predict.__call__
        assert dspy.Predict.aforward is dspy.Predict.forward
        assert dspy.ReAct.aforward is dspy.ReAct.forward
        assert dspy.LM.aforward is dspy.LM.forward
        assert dspy.Tool.acall is dspy.Tool.__call__

    @pytest.mark.api("4.3")
    @pytest.mark.parametrize("name", ["forward", "aforward"])
    async def test_a_module_that_defines_either(self, name: str):
        async def body(self, settings, question):
            return dspy.Prediction(answer=question.upper())

        program = type("Program", (dspy.Module,), {name: body})()
        settings = dspy.Settings()
        assert (await program(settings, question="a")).answer == "A"
        assert (await program.acall(settings, question="a")).answer == "A"
        assert (await program.aforward(settings, question="a")).answer == "A"

    @pytest.mark.api("4.3")
    @pytest.mark.parametrize("mixin", [True, False])
    async def test_a_plain_forward_beside_an_async_one(self, mixin: bool):
        class Both(object if mixin else dspy.Module):
            def forward(self, question):
                return dspy.Prediction(answer=f"plain {question}")

            async def aforward(self, settings, question):
                return self.forward(f"{settings.mark} {question}")

        program = type("Program", (Both, dspy.Module), {})() if mixin else Both()
        settings = dspy.Settings(mark="!")
        for call in (program, program.acall, program.forward, program.aforward):
            assert (await call(settings, question="q")).answer == "plain ! q"
        assert (await program(settings=settings, question="q")).answer == "plain ! q"
        assert program.forward("q").answer == "plain q"

    @pytest.mark.api("4.3")
    @pytest.mark.parametrize("in_thread", [True, False])
    async def test_a_plain_forward_with_settings_beside_an_async_one(self, in_thread: bool):
        class Both(dspy.Module):
            def forward(self, settings, question):
                return dspy.Prediction(answer=f"plain {settings.mark} {question}")

            async def aforward(self, settings, question):
                if in_thread:
                    return await asyncio.to_thread(self.forward, settings, f"async {question}")
                return self.forward(settings, f"async {question}")

        settings = dspy.Settings(mark="!")
        assert (await Both()(settings, question="q")).answer == "plain ! async q"

    @pytest.mark.api("4.3")
    async def test_patching_one_of_two_forwards(self, monkeypatch: pytest.MonkeyPatch):
        class Both(dspy.Module):
            def forward(self, question):
                return dspy.Prediction(answer="plain")

            async def aforward(self, settings, question):
                return dspy.Prediction(answer="async")

        class Below(Both): ...

        async def patched(self, settings, question):
            return dspy.Prediction(answer="patched")

        settings = dspy.Settings()
        for cls in (Both, Below):
            for name in ("forward", "aforward"):
                with monkeypatch.context() as patch:
                    patch.setattr(cls, name, patched)
                    assert (await Below()(settings, question="q")).answer == "patched"
                assert (await Below()(settings, question="q")).answer == "async"
                assert Below().forward("q").answer == "plain"

    @pytest.mark.api("4.2")
    async def test_an_override_is_seen_under_both_names(self):
        class Loud(dspy.Predict):
            async def forward(self, settings, /, **kwargs):
                found = await super().forward(settings, **kwargs)
                return dspy.Prediction(answer=found.answer + "!")

        class Louder(Loud):
            async def aforward(self, settings, /, **kwargs):
                found = await super().aforward(settings, **kwargs)
                return dspy.Prediction(answer=found.answer + "!")

        _, lm = scripted(*[fields(answer="a")] * 4)
        settings = dspy.Settings(lm=lm)
        for cls, answer in ((Loud, "a!"), (Louder, "a!!")):
            assert (await cls("question -> answer")(settings, question="?")).answer == answer
            assert (await cls("question -> answer").acall(settings, question="?")).answer == answer

    async def test_a_forward_without_settings_or_await(self):
        """What a user's method needs none of, it need not take."""

        class Fixed(dspy.Module):
            async def forward(self, settings, x):
                return dspy.Prediction(x=x)

        assert (await Fixed()(dspy.Settings(), 3)).x == 3

    async def test_calling_forward_directly_is_discouraged(self, caplog, dspy_log):
        _, lm = scripted(fields(answer="a"), fields(answer="a"))
        settings = dspy.Settings(lm=lm)
        predict = dspy.Predict("question -> answer")
        await predict(settings, question="?")
        assert "is discouraged" not in caplog.text
        await predict.forward(settings, question="?")
        assert "Calling module.forward(...) on Predict directly is discouraged" in caplog.text

    async def test_positional_arguments_to_predict(self):
        with pytest.raises(ValueError, match=r"Positional arguments are not allowed when calling `dspy\.Predict`"):
            await dspy.Predict("question -> answer")(dspy.Settings(), "what?")


class TestBatch:
    """`Module.batch`."""

    @pytest.mark.api("5.1", "5.7")
    async def test_results_are_in_order(self, server: ModelServer):
        server.latency = 0.2
        server.on(echo(delay=0.3), contains="q0")
        server.on(echo())
        examples = [dspy.Example(question=f"q{number}").with_inputs("question") for number in range(6)]
        results = await dspy.Predict("question -> answer").batch(
            dspy.Settings(lm=lm_at(server)), examples, num_threads=3, disable_progress_bar=True
        )
        assert [result.answer for result in results] == [f"q{number}" for number in range(6)]
        assert server.most_at_once == 3

    async def test_threads_and_errors_come_from_settings(self, server: ModelServer):
        server.latency = 0.2
        server.on(echo())
        examples = [dspy.Example(question=f"q{number}").with_inputs("question") for number in range(6)]
        settings = dspy.Settings(lm=lm_at(server), num_threads=2)
        await dspy.Predict("question -> answer").batch(settings, examples, disable_progress_bar=True)
        assert server.most_at_once == 2

        server.reset()
        server.on(server_error())
        with pytest.raises(Exception, match="Execution cancelled due to errors or interruption"):
            await dspy.Predict("question -> answer").batch(
                settings.context(max_errors=2), examples, disable_progress_bar=True
            )
        assert len(server.requests) < 6

    @pytest.mark.api("5.3")
    async def test_failures(self, server: ModelServer):
        server.on(server_error(), contains="bad")
        server.on(echo())
        examples = [dspy.Example(question=text).with_inputs("question") for text in ("a", "bad", "c")]
        results, failed, errors = await dspy.Predict("question -> answer").batch(
            dspy.Settings(lm=lm_at(server)), examples, return_failed_examples=True, disable_progress_bar=True
        )
        assert [result and result.answer for result in results] == ["a", None, "c"]
        assert failed == [examples[1].inputs()]
        assert [type(error) for error in errors] == [dspy.LMServerError]


class TestState:
    """Copies, saving and loading."""

    def test_deepcopy_and_reset_copy(self):
        program = Chain()
        program.first.demos = [dspy.Example(question="q", draft="d")]
        for other in (program.deepcopy(), copy.deepcopy(program)):
            assert other.first is not program.first and other.first.demos == program.first.demos
            other.first.demos.append(1)
            assert len(program.first.demos) == 1
        assert program.reset_copy().first.demos == []

    async def test_a_copy_after_calls(self):
        """Nothing of a call, like settings or a task, stays on an instance."""
        _, lm = scripted(*chain_answers(3))
        settings = dspy.Settings(lm=lm, callbacks=[Recorder()])
        program = Chain()
        await program(settings, question="?")
        other = program.deepcopy()
        assert (await other(settings, question="?")).answer == "a"
        restored = pickle.loads(cloudpickle.dumps(program))
        assert (await restored(settings, question="?")).answer == "a"
        assert "settings" not in str(vars(program))

    @pytest.mark.parametrize("suffix", ["json", "pkl"])
    async def test_state_round_trip(self, suffix: str, tmp_path):
        path = tmp_path / f"program.{suffix}"
        program = Chain()
        program.first.demos = [dspy.Example(question="q", draft="d")]
        program.second.predict.signature = program.second.predict.signature.with_instructions("Be brief.")
        program.save(path)
        other = Chain()
        other.load(path, allow_pickle=suffix == "pkl")
        assert dict(other.first.demos[0]) == {"question": "q", "draft": "d"}
        side, lm = scripted(*chain_answers())
        await other(dspy.Settings(lm=lm), question="?")
        assert len(side.log[0]["messages"]) == 4
        assert "Be brief." in side.log[1]["messages"][0]["content"]

    def test_metadata_of_a_saved_program(self, tmp_path):
        path = tmp_path / "program.json"
        Chain().save(path)
        assert json.loads(path.read_text())["metadata"]["dependency_versions"]["dspy"] == dspy.__version__

    async def test_whole_program(self, tmp_path):
        dspy.ChainOfThought("question -> answer").save(tmp_path / "whole", save_program=True)
        with pytest.raises(ValueError, match="allow_pickle"):
            dspy.load(tmp_path / "whole")
        program = dspy.load(tmp_path / "whole", allow_pickle=True)
        _, lm = scripted(fields(reasoning="r", answer="a"))
        assert (await program(dspy.Settings(lm=lm), question="?")).answer == "a"

    async def test_the_lm_is_saved(self, server: ModelServer, tmp_path):
        server.on(echo())
        program = dspy.Predict("question -> answer")
        program.set_lm(lm_at(server, "own", temperature=0.4))
        program.save(tmp_path / "p.json")
        assert "key" not in json.loads((tmp_path / "p.json").read_text())["lm"].get("api_key", "")
        other = dspy.Predict("question -> answer")
        other.load(tmp_path / "p.json")
        assert (other.lm.model, other.lm.kwargs["temperature"]) == ("openai/own", 0.4)
        assert "api_base" not in other.lm.kwargs
        other.load(tmp_path / "p.json", allow_unsafe_lm_state=True)
        other.lm.kwargs["api_key"] = "key"
        assert (await other(dspy.Settings(), question="hm")).answer == "hm"
        assert server.requests[-1].body["temperature"] == 0.4

    def test_names_and_lms(self):
        program = Chain()
        assert [name for name, _ in program.named_predictors()] == ["first", "second.predict"]
        lm = dspy.LM("openai/m")
        program.set_lm(lm)
        assert program.get_lm() is lm
        program.first.lm = dspy.LM("openai/other")
        with pytest.raises(ValueError, match="Multiple LMs"):
            program.get_lm()
        program.map_named_predictors(lambda predictor: dspy.Predict("a -> b"))
        assert [list(each.signature.fields) for each in program.predictors()] == [["a", "b"]] * 2

    @pytest.mark.api("2.19")
    async def test_the_lm_of_a_module_wins(self):
        ours, lm = scripted(fields(answer="mine"))
        theirs, other = scripted(fields(answer="theirs"), fields(answer="third"))
        third, per_call = scripted(fields(answer="call"))
        predict = dspy.Predict("question -> answer")
        predict.set_lm(lm)
        settings = dspy.Settings(lm=other)
        assert (await predict(settings, question="?")).answer == "mine"
        assert (await predict(settings, question="?", lm=per_call)).answer == "call"
        assert theirs.log == [] and len(ours.log) == len(third.log) == 1


class TestHistory:
    """What is remembered of the calls."""

    async def test_of_the_lm_and_of_each_module(self):
        _, lm = scripted(*chain_answers(2))
        program = Chain()
        settings = dspy.Settings(lm=lm)
        await program(settings, question="?")
        assert [len(each.history) for each in (lm, program, program.first, program.second, program.second.predict)] == [
            2, 2, 1, 1, 1,
        ]  # fmt: skip
        assert program.history[0]["outputs"] == [fields(draft="d")]
        assert set(program.history[0]) >= {"prompt", "messages", "kwargs", "response", "usage", "cost", "timestamp"}

    async def test_limits(self):
        _, lm = scripted(*[fields(answer=str(number)) for number in range(5)])
        predict = dspy.Predict("question -> answer")
        settings = dspy.Settings(lm=lm, max_history_size=2, max_trace_size=2)
        for _ in range(3):
            await predict(settings, question="?")
        assert [entry["outputs"] for entry in lm.history] == [[fields(answer="1")], [fields(answer="2")]]
        assert len(predict.history) == 2 and len(settings.trace) == 2
        with settings.context(disable_history=True) as silent:
            await predict(silent, question="?")
        with settings.context(max_history_size=0) as none:
            await predict(none, question="?")
        assert lm.history[-1]["outputs"] == [fields(answer="2")]

    async def test_printed(self, capsys):
        _, lm = scripted(fields(answer="the answer"))
        await dspy.Predict("question -> answer")(dspy.Settings(lm=lm), question="the question")
        for show in (dspy.inspect_history, lm.inspect_history):
            show(n=1)
            printed = capsys.readouterr().out
            assert "the question" in printed and "the answer" in printed

    @pytest.mark.api("5.12")
    async def test_of_calls_at_once(self, server: ModelServer):
        """One LM, many callers: each module has the history of its own calls."""
        server.latency = 0.01
        server.on(echo())
        settings = dspy.Settings(lm=lm_at(server))
        programs = [dspy.Predict("question -> answer") for _ in range(8)]
        await asyncio.gather(*(each(settings, question=f"q{n}") for n, each in enumerate(programs)))
        for number, program in enumerate(programs):
            (entry,) = program.history
            assert f"q{number}" in entry["messages"][-1]["content"]
        assert len(settings.lm.history) == 8


class TestTrace:
    """`settings.trace`."""

    async def test_it_has_each_prediction(self):
        _, lm = scripted(*chain_answers())
        program, settings = Chain(), dspy.Settings(lm=lm, trace=[])
        prediction = await program(settings, question="?")
        (first, second) = settings.trace
        assert first[0] is program.first and first[1] == {"question": "?"} and first[2].draft == "d"
        assert second[0] is program.second.predict and second[2] is prediction

    async def test_none_turns_it_off(self):
        _, lm = scripted(*chain_answers())
        await Chain()(dspy.Settings(lm=lm, trace=None), question="?")


class TestUsage:
    """Tokens."""

    async def test_on_the_prediction(self, server: ModelServer):
        server.on(echo())
        settings = dspy.Settings(lm=lm_at(server), track_usage=True)
        prediction = await dspy.Predict("question -> answer")(settings, question="?")
        usage = prediction.get_lm_usage()["openai/m"]
        assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (11, 7, 18)

    async def test_not_unless_asked_for(self, server: ModelServer):
        server.on(echo())
        prediction = await dspy.Predict("question -> answer")(dspy.Settings(lm=lm_at(server)), question="?")
        assert prediction.get_lm_usage() is None

    async def test_of_a_program_is_the_sum(self, server: ModelServer):
        server.on(fields(draft="d"), contains="question")
        server.on(fields(reasoning="r", answer="a"))
        settings = dspy.Settings(lm=lm_at(server), track_usage=True)
        prediction = await Chain()(settings, question="?")
        assert prediction.get_lm_usage()["openai/m"]["total_tokens"] == 36

    @pytest.mark.api("5.12")
    async def test_at_once_each_has_its_own(self, server: ModelServer):
        server.latency = 0.01
        server.on(echo())
        settings = dspy.Settings(lm=lm_at(server), track_usage=True)
        predict = dspy.Predict("question -> answer")
        found = await asyncio.gather(*(predict(settings, question=f"q{n}") for n in range(5)))
        assert [each.get_lm_usage()["openai/m"]["total_tokens"] for each in found] == [18] * 5

    async def test_tracker_over_several_calls(self, server: ModelServer):
        server.on(echo())
        settings = dspy.Settings(lm=lm_at(server))
        predict = dspy.Predict("question -> answer")
        with dspy.track_usage(settings) as usage:
            await predict(usage.settings, question="a")
            await predict(usage.settings, question="b")
            await predict(settings, question="not counted")
        assert usage.get_total_tokens()["openai/m"]["total_tokens"] == 36
        assert usage.settings.usage_tracker is usage
        assert settings.usage_tracker is None

    async def test_a_tracker_asks_for_settings(self):
        with pytest.raises(TypeError, match=r"track_usage\(\) needs a dspy\.Settings"):
            dspy.track_usage()
        assert "usage.settings" in str(dspy.track_usage.__doc__)

    async def test_of_a_configured_tracker(self, server: ModelServer):
        """A tracker in the settings themselves is the one that counts, and no other is made."""
        from dspy.utils.usage_tracker import UsageTracker

        server.on(echo())
        tracker = UsageTracker()
        settings = dspy.Settings(lm=lm_at(server), track_usage=True, usage_tracker=tracker)
        await dspy.Predict("question -> answer")(settings, question="a")
        assert tracker.get_total_tokens()["openai/m"]["total_tokens"] == 18

    async def test_cached_answers_cost_nothing(self, server: ModelServer):
        server.on(echo())
        settings = dspy.Settings(lm=lm_at(server, cache=True), track_usage=True)
        predict = dspy.Predict("question -> answer")
        assert (await predict(settings, question="usage, cached")).get_lm_usage() != {}
        assert (await predict(settings, question="usage, cached")).get_lm_usage() == {}


class TestErrors:
    """What a user did wrong."""

    async def test_no_lm(self):
        with pytest.raises(ValueError, match="No LM is loaded"):
            await dspy.Predict("question -> answer")(dspy.Settings(), question="?")

    async def test_a_name_instead_of_an_lm(self):
        with pytest.raises(ValueError, match=r"not a string\. .* 'dspy\.Settings\(lm=dspy\.LM\(\"openai/m\"\)\)'"):
            await dspy.Predict("question -> answer")(dspy.Settings(lm="openai/m"), question="?")
        with pytest.raises(ValueError, match=r"must be an instance of `dspy\.BaseLM`"):
            await dspy.Predict("question -> answer")(dspy.Settings(lm=len), question="?")

    async def test_missing_and_extra_inputs(self, caplog, dspy_log):
        _, lm = scripted(*[fields(answer="a")] * 2)
        predict = dspy.Predict("question, hint -> answer")
        await predict(dspy.Settings(lm=lm), question="?", other=1)
        assert "Not all input fields were provided" in caplog.text
        assert "Input contains fields not in signature" in caplog.text

    async def test_the_traceback_has_no_helpers(self):
        """Between the user's frames stand DSPy's own methods and the callback wrapper, and nothing else."""
        import traceback

        class Broken(dspy.Module):
            async def forward(self, settings):
                raise KeyError("mine")

        with pytest.raises(KeyError) as caught:
            await Broken()(dspy.Settings())
        names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
        assert names[1:] == ["wrapper", "__call__", "forward"]
