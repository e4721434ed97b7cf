"""Optimizers among other tasks: cancelled, with callables that wait, with settings of their own, at the same time."""

from __future__ import annotations

import asyncio
import copy
import pickle
import threading
import time
from typing import Any
from unittest import mock

import dspy
import optuna
import pytest

from tests.generated.optimizers.programs import examples, feedback, respond, rewrite, right, seeded_studies, two_steps
from tests.generated.sides import AsyncSide
from tests.generated.support import Recorder


def leftovers(before: set[threading.Thread]) -> list[str]:
    """Threads that were not there before.

    The idle ones of the loop's default executor do not count, nor the one that tqdm starts for all bars of the process.
    """
    new = [thread.name for thread in threading.enumerate() if thread not in before and thread.is_alive()]
    return [name for name in new if not name.startswith(("asyncio_", "tqdm_monitor"))]


async def cancelled(work: Any, when: asyncio.Event) -> float:
    """Starts work in a task, cancels it at an event, and gives the seconds that this took."""
    threads, tasks = set(threading.enumerate()), asyncio.all_tasks()
    task = asyncio.ensure_future(work)
    await asyncio.wait_for(when.wait(), 10)
    started = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    seconds = time.monotonic() - started
    assert not leftovers(threads)
    assert asyncio.all_tasks() <= tasks
    return seconds


@pytest.fixture
def side() -> AsyncSide:
    return AsyncSide(dspy)


class Gate:
    """A model that waits from its nth request on, until it is cancelled."""

    def __init__(self, side: AsyncSide, answers: Any, opens: int) -> None:
        self.reached = asyncio.Event()
        self.cancelled = 0
        gate, count = self, iter(range(10_000))

        class Waiting(type(side.lm(answers))):
            async def forward(self, settings, /, prompt=None, messages=None, **kwargs):
                if next(count) >= opens:
                    gate.reached.set()
                    try:
                        await asyncio.sleep(60)
                    except asyncio.CancelledError:
                        gate.cancelled += 1
                        raise
                return await super().forward(settings, prompt=prompt, messages=messages, **kwargs)

        self.lm = Waiting(model="waiting")


class TestGEPA:
    """`dspy.GEPA`, whose loop works in a thread."""

    def optimizer(self, side: AsyncSide, **kwargs: Any) -> dspy.GEPA:
        given = {"metric": feedback, "max_metric_calls": 40, "reflection_lm": side.lm(rewrite), "num_threads": 4}
        return dspy.GEPA(**{**given, **kwargs})

    async def compile(self, side: AsyncSide, optimizer: dspy.GEPA, settings: dspy.Settings | None = None) -> Any:
        settings = settings or dspy.Settings(lm=side.lm(respond()))
        return await optimizer.compile(settings, two_steps(side), trainset=examples(side))

    async def test_with_usage_tracked(self, side: AsyncSide, caplog: pytest.LogCaptureFixture):
        """What is traced are pairs, which have no usage to be told."""
        settings = dspy.Settings(lm=side.lm(respond()), track_usage=True)
        compiled = await asyncio.wait_for(self.compile(side, self.optimizer(side), settings), 30)
        assert isinstance(compiled, dspy.Module)
        assert "set_lm_usage" not in caplog.text

    @pytest.mark.api("5.9", "5.10")
    @pytest.mark.parametrize("opens", [0, 14, 30])
    async def test_cancelled_in_an_evaluation(self, side: AsyncSide, opens: int):
        gate = Gate(side, respond(), opens)
        work = self.compile(side, self.optimizer(side), dspy.Settings(lm=gate.lm))
        assert await cancelled(work, gate.reached) < 1
        assert gate.cancelled

    async def test_cancelled_in_a_reflection(self, side: AsyncSide):
        gate = Gate(side, rewrite, 0)
        assert await cancelled(self.compile(side, self.optimizer(side, reflection_lm=gate.lm)), gate.reached) < 1
        assert gate.cancelled == 1

    async def test_cancelled_twice(self, side: AsyncSide):
        """An impatient caller does not leave the thread behind."""
        gate = Gate(side, respond(), 3)
        threads = set(threading.enumerate())
        task = asyncio.ensure_future(self.compile(side, self.optimizer(side), dspy.Settings(lm=gate.lm)))
        await gate.reached.wait()
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not leftovers(threads)

    @pytest.mark.api("5.11")
    async def test_no_thread_is_left(self, side: AsyncSide):
        threads = set(threading.enumerate())
        await self.compile(side, self.optimizer(side))
        assert not leftovers(threads)

    async def test_errors_come_through(self, side: AsyncSide):
        async def broken(settings, state, trajectories, subsample_scores, candidate_idx, candidate):
            raise LookupError("no idea")

        with pytest.raises(LookupError, match="no idea"):
            await self.compile(side, self.optimizer(side, component_selector=broken))

    @pytest.mark.api("5.15", "3.1")
    async def test_everything_of_the_user_may_wait(self, side: AsyncSide):
        """On the loop's thread, with the settings of the call; those of the proposer have the reflection model."""
        loop_thread, seen = threading.get_ident(), []

        def note(what: str, settings: dspy.Settings) -> None:
            assert threading.get_ident() == loop_thread
            seen.append((what, settings.tenant, settings.lm.model))

        async def metric(settings, gold, pred, trace=None, pred_name=None, pred_trace=None):
            await asyncio.sleep(0)
            note("metric", settings)
            return feedback(gold, pred, trace, pred_name, pred_trace)

        async def proposer(settings, candidate, reflective_dataset, components_to_update):
            note("proposer", settings)
            return {name: (await settings.lm(settings, "rewrite"))[0] for name in components_to_update}

        async def selector(settings, state, trajectories, subsample_scores, candidate_idx, candidate):
            await asyncio.sleep(0)
            note("selector", settings)
            return list(candidate)

        optimizer = self.optimizer(
            side,
            metric=metric,
            instruction_proposer=proposer,
            component_selector=selector,
            reflection_lm=side.lm(rewrite, name="reflection"),
        )
        settings = dspy.Settings(lm=side.lm(respond(), name="task"), tenant="t")
        program = await self.compile(side, optimizer, settings)
        assert set(seen) == {("metric", "t", "task"), ("proposer", "t", "reflection"), ("selector", "t", "task")}
        assert isinstance(program.draft, dspy.Predict)

    def test_the_metric_must_take_five_arguments_besides_settings(self, side: AsyncSide):
        async def metric(settings, gold, pred, trace, pred_name):
            return 0.0

        with pytest.raises(TypeError, match="GEPA metric must accept five arguments"):
            self.optimizer(side, metric=metric)

    async def test_callbacks_see_the_compile_around_all(self, side: AsyncSide):
        recorder = Recorder()
        settings = dspy.Settings(lm=side.lm(respond()), callbacks=[recorder], tenant="t")
        await self.compile(side, self.optimizer(side), settings)
        assert recorder.names[0] == "compile start" and recorder.names[-1] == "compile end"
        assert recorder.names.count("compile start") == 1 and recorder.names.count("evaluate start") > 2
        assert {each.tenant for each in recorder.settings} == {"t"}

    async def test_two_at_once(self, side: AsyncSide):
        async def tenant(name: str) -> list[str]:
            mine = AsyncSide(dspy)
            await self.compile(mine, self.optimizer(mine), dspy.Settings(lm=mine.lm(respond(), name=name)))
            return sorted({request["lm"] for request in mine.log})

        assert await asyncio.gather(tenant("one"), tenant("two")) == [["main", "one"], ["main", "two"]]

    async def test_candidates_at_the_same_time_share_the_limit(self, side: AsyncSide):
        from dspy.teleprompt.gepa.gepa_utils import DspyAdapter

        now = most = 0

        async def metric(settings, gold, pred, trace=None, pred_name=None, pred_trace=None):
            nonlocal now, most
            now, most = now + 1, max(most, now + 1)
            await asyncio.sleep(0.01)
            now -= 1
            return 1.0

        student = two_steps(side)
        adapter = DspyAdapter(student, metric, {}, num_threads=5)
        candidate = {name: predictor.signature.instructions for name, predictor in student.named_predictors()}
        settings = dspy.Settings(lm=side.lm(respond()))
        batches = await adapter.batch_evaluate(settings, [(candidate, examples(side))] * 3)
        assert [batch.scores for batch in batches] == [[1.0] * 6] * 3
        assert most == 5


class TestOptuna:
    """Studies are asked and told, since they cannot await."""

    async def run(self, objective: Any) -> optuna.Study:
        from dspy.teleprompt.optuna_trials import run_trials

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.study = optuna.create_study()
        await run_trials(dspy.Settings(), self.study, objective, 3)
        return self.study

    def states(self) -> list[str]:
        return [trial.state.name for trial in self.study.trials]

    async def test_pruned_trials_are_told(self):
        async def objective(settings, trial):
            await asyncio.sleep(0)
            trial.report(0.5, 1)
            if trial.number == 1:
                raise optuna.TrialPruned
            return float(trial.number)

        await self.run(objective)
        assert self.states() == ["COMPLETE", "PRUNED", "COMPLETE"]
        assert self.study.best_value == 0.0

    async def test_a_failed_trial_is_told_and_ends_the_run(self):
        def objective(trial):
            raise KeyError("broken")

        with pytest.raises(KeyError, match="broken"):
            await self.run(objective)
        assert self.states() == ["FAIL"]

    async def test_a_value_that_is_none_fails_as_upstream(self):
        """A trial without a number is one that failed, and the next one comes."""
        with pytest.warns(UserWarning, match="nan"):
            await self.run(lambda trial: float("nan"))
        assert self.states() == ["FAIL"] * 3

    async def test_a_cancelled_trial_is_told(self):
        began = asyncio.Event()

        async def objective(trial):
            began.set()
            await asyncio.sleep(60)

        assert await cancelled(self.run(objective), began) < 1
        assert self.states() == ["FAIL"]

    async def test_the_study_of_an_optimizer(self, side: AsyncSide):
        from dspy.teleprompt.teleprompt_optuna import BootstrapFewShotWithOptuna

        async def metric(settings, example, prediction, trace=None):
            await asyncio.sleep(0)
            return right(example, prediction)

        optimizer = BootstrapFewShotWithOptuna(metric=metric, num_candidate_programs=2, num_threads=2)
        settings = dspy.Settings(lm=side.lm(respond()))
        with seeded_studies():
            program = await optimizer.compile(settings, two_steps(side), max_demos=2, trainset=examples(side))
        assert len(program.draft.demos) == 1


class TestMIPROv2:
    """`dspy.MIPROv2`."""

    def optimizer(self, **kwargs: Any) -> dspy.MIPROv2:
        return dspy.MIPROv2(**{"metric": right, "auto": None, "num_candidates": 2, "num_threads": 2, **kwargs})

    async def compile(self, side: AsyncSide, settings: dspy.Settings, **kwargs: Any) -> Any:
        given = {"trainset": examples(side), "valset": examples(side, 3, 6), "num_trials": 2, "minibatch": False}
        return await self.optimizer(**kwargs).compile(settings, two_steps(side), **given)

    @pytest.mark.api("2.20")
    async def test_models_are_those_of_the_call(self, side: AsyncSide):
        """Two tenants share an optimizer made where no model is known."""
        optimizer = self.optimizer()
        assert optimizer.task_model is optimizer.prompt_model is None
        given = {"trainset": examples(side), "valset": examples(side, 3, 6), "num_trials": 2, "minibatch": False}
        with pytest.raises(ValueError, match=r"Either provide both prompt_model .*dspy\.Settings\(lm="):
            await optimizer.compile(dspy.Settings(), two_steps(side), **given)

        async def tenant(name: str) -> set[str]:
            mine = AsyncSide(dspy)
            await optimizer.compile(dspy.Settings(lm=mine.lm(respond(), name=name)), two_steps(mine), **given)
            return {request["lm"] for request in mine.log}

        assert await asyncio.gather(tenant("one"), tenant("two")) == [{"one"}, {"two"}]

    @pytest.mark.api("2.19")
    async def test_the_model_of_the_task_is_not_that_of_the_proposer(self, side: AsyncSide):
        settings = dspy.Settings(lm=side.lm(respond(), name="prompts"))
        await self.compile(side, settings, task_model=side.lm(respond(), name="task"))
        for request in side.log:
            asked = request["messages"][-1]["content"].rpartition("Respond with")[2]
            assert request["lm"] == ("task" if "draft" in asked or "answer" in asked else "prompts")

    async def test_cancelled_in_a_trial(self, side: AsyncSide):
        gate = Gate(side, respond(), 30)
        assert await cancelled(self.compile(side, dspy.Settings(lm=gate.lm)), gate.reached) < 1

    async def test_async_metrics_and_programs_that_are_saved(self, side: AsyncSide, tmp_path):
        threads = set()
        save = dspy.Module.save

        async def metric(settings, example, prediction, trace=None):
            await asyncio.sleep(0)
            return right(example, prediction)

        def noted(*args: Any, **kwargs: Any) -> None:
            threads.add(threading.get_ident())
            save(*args, **kwargs)

        with mock.patch.object(dspy.Module, "save", noted):
            settings = dspy.Settings(lm=side.lm(respond()))
            program = await self.compile(side, settings, metric=metric, log_dir=str(tmp_path))
        assert len(list(tmp_path.rglob("*.json"))) == 3 == len(program.trial_logs)
        assert threading.get_ident() not in threads

    async def test_the_proposer_sums_up_the_data_once(self, side: AsyncSide):
        from dspy.propose import GroundedProposer

        student = two_steps(side)
        proposer = GroundedProposer(None, student, examples(side), program_aware=False)
        assert side.log == [] and proposer.data_summary is None
        settings = dspy.Settings(lm=side.lm(respond()))
        given = {"program": student, "predictor": student.draft, "pred_i": 0, "demo_candidates": None, "trial_logs": {}}
        calls = [
            proposer.propose_instruction_for_predictor(settings, demo_set_i=number, **given) for number in range(3)
        ]
        proposer.use_task_demos = False
        await asyncio.gather(*calls)
        asked = [request["messages"][-1]["content"].rpartition("Respond with")[2] for request in side.log]
        assert sum("`[[ ## summary ## ]]`" in each for each in asked) == 1
        assert proposer.data_summary.startswith("summary")
        assert pickle.dumps(proposer.__dict__ | {"rng": None})


class TestKNN:
    """`KNN` and `dspy.KNNFewShot`."""

    def embedder(self, embedded: list[Any]) -> Any:
        async def embed(settings, texts):
            await asyncio.sleep(0.01)
            embedded.append((settings.tenant, len(texts)))
            return [[float(text[-1]), 1.0] for text in texts]

        return dspy.Embedder(embed, caching=False)

    @pytest.mark.api("1.8")
    async def test_the_first_calls_embed_the_examples_once(self, side: AsyncSide):
        embedded: list[Any] = []
        knn = dspy.KNN(2, examples(side), vectorizer=self.embedder(embedded))
        assert embedded == []
        settings = dspy.Settings(tenant="t")
        found = await asyncio.gather(*(knn(settings, question=f"q{number}") for number in range(3)))
        assert embedded.count(("t", 6)) == 1 and embedded.count(("t", 1)) == 3
        assert [each[0].question for each in found] == ["q5"] * 3

    async def test_a_first_call_that_is_cancelled_does_not_spoil_the_others(self, side: AsyncSide):
        embedded: list[Any] = []
        knn = dspy.KNN(2, examples(side), vectorizer=self.embedder(embedded))
        first, second = (asyncio.ensure_future(knn(dspy.Settings(tenant=name), question="q1")) for name in "ab")
        await asyncio.sleep(0)
        first.cancel()
        assert len(await second) == 2 and embedded == [("b", 6), ("b", 1)]

    def test_loops_of_their_own(self, side: AsyncSide):
        knn = dspy.KNN(2, examples(side), vectorizer=self.embedder([]))

        async def both() -> Any:
            return await asyncio.gather(*(knn(dspy.Settings(tenant="t"), question="q1") for _ in range(2)))

        assert asyncio.run(both()) == asyncio.run(both())

    async def test_copies(self, side: AsyncSide):
        knn = dspy.KNN(2, examples(side), vectorizer=sum)
        await asyncio.gather(*(knn(dspy.Settings(), question="q1") for _ in range(2)), return_exceptions=True)
        assert pickle.loads(pickle.dumps(knn)).k == copy.deepcopy(knn).k == 2

    async def test_a_compiled_program_serves_two_tenants(self, side: AsyncSide):
        optimizer = dspy.KNNFewShot(2, examples(side), vectorizer=self.embedder([]), metric=right)
        program = await optimizer.compile(dspy.Settings(), dspy.Predict("question -> answer"))

        async def tenant(name: str) -> Any:
            mine = AsyncSide(dspy)
            settings = dspy.Settings(lm=mine.lm(respond(answer=name), name=name), tenant=name)
            return (await program(settings, question="q1")).answer, {request["lm"] for request in mine.log}

        assert await asyncio.gather(tenant("a"), tenant("b")) == [("a", {"a"}), ("b", {"b"})]


class TestSIMBA:
    """`dspy.SIMBA`."""

    @pytest.mark.api("2.20")
    async def test_rules_come_from_the_model_of_the_call(self, side: AsyncSide):
        async def metric(settings, example, prediction):
            await asyncio.sleep(0)
            assert settings.lm.model == "main"
            return right(example, prediction)

        given = {"bsize": 3, "num_candidates": 3, "max_steps": 2, "max_demos": 0, "num_threads": 3}
        optimizer = dspy.SIMBA(metric=metric, **given)
        assert optimizer.prompt_model is None
        lm = side.lm(respond(module_advice='{"draft": "be brief"}'))
        program = await optimizer.compile(dspy.Settings(lm=lm), two_steps(side), trainset=examples(side))
        assert any("be brief" in each["program"].draft.signature.instructions for each in program.candidate_programs)

    async def test_cancelled(self, side: AsyncSide):
        gate = Gate(side, respond(), 20)
        optimizer = dspy.SIMBA(metric=right, bsize=3, num_candidates=3, max_steps=2)
        work = optimizer.compile(dspy.Settings(lm=gate.lm), two_steps(side), trainset=examples(side))
        assert await cancelled(work, gate.reached) < 1


class TestTraces:
    """Traces are those of the one example that made them."""

    async def test_no_trace_crosses(self, side: AsyncSide):
        from dspy.teleprompt.bootstrap_trace import bootstrap_trace_data

        class Slow(type(side.lm(respond()))):
            async def forward(self, settings, /, prompt=None, messages=None, **kwargs):
                await asyncio.sleep(0.001)
                return await super().forward(settings, prompt=prompt, messages=messages, **kwargs)

        student = two_steps(side)
        settings = dspy.Settings(lm=Slow(model="slow"), trace=[])
        data = await bootstrap_trace_data(settings, student, examples(side, 12), metric=right, num_threads=12)
        for each in data:
            assert [step[1]["question"] for step in each["trace"]] == [each["example"].question] * 2
        assert settings.trace == []
        assert "forward" not in vars(student) or student.forward.__func__ is type(student).forward

    async def test_jobs_are_awaited(self, side: AsyncSide):
        """While a model is trained, the loop goes on."""
        from dspy.clients.provider import TrainingJob

        cls = type(side.lm([]))
        release = threading.Event()

        def finetune(lm: Any, **kwargs: Any) -> Any:
            thread = threading.Thread(target=lambda: (release.wait(10), job.set_result(lm)))
            job = TrainingJob(thread=thread)
            thread.start()
            return job

        async def kill(lm: Any) -> None:
            pass

        cls.finetune, cls.kill = finetune, kill
        task = asyncio.ensure_future(dspy.BootstrapFinetune.finetune_lms({"key": {"lm": cls(model="m")}}))
        await asyncio.sleep(0.05)
        assert not task.done()
        release.set()
        assert (await task)["key"].model == "m"

    async def test_an_ensemble_reduces_with_the_settings_of_the_call(self, side: AsyncSide):
        async def best(settings, outputs):
            await asyncio.sleep(0)
            return settings.tenant, len(outputs)

        programs = [dspy.Predict("question -> answer") for _ in range(2)]
        program = await dspy.Ensemble(reduce_fn=best).compile(dspy.Settings(), programs)
        assert await program(dspy.Settings(lm=side.lm(respond()), tenant="t"), question="q1") == ("t", 2)
