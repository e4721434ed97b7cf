"""Section 5 of the contract: `Evaluate`, `Parallel` and `batch`: limits, order, failures, stragglers, cancellation."""

import asyncio
import csv
import json
import os
import signal
import threading
import time

import dspy
import pytest

from tests.generated.support import Recorder, fields, scripted


class Slow(dspy.Module):
    """Waits as long as an item says, and counts how many wait at once."""

    def __init__(self):
        super().__init__()
        self.running = 0
        self.most = 0
        self.started: list = []
        self.finished: list = []
        self.cancelled: list = []

    async def forward(self, settings, number, seconds=0.01, fails=False):
        self.started.append(number)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(seconds(self) if callable(seconds) else seconds)
            if fails:
                raise ValueError(f"item {number} fails")
            self.finished.append(number)
            return dspy.Prediction(number=number)
        except asyncio.CancelledError:
            self.cancelled.append(number)
            raise
        finally:
            self.running -= 1


def items(count: int, **kwargs):
    return [dspy.Example(number=n, **kwargs).with_inputs("number", *kwargs) for n in range(count)]


async def right(settings, example, prediction, trace=None):
    return example.number == prediction.number


def half(example, prediction):
    return 0.5


SETTINGS = dspy.Settings()


def nothing_runs_behind() -> set:
    return asyncio.all_tasks() - {asyncio.current_task()}


class TestEvaluate:
    """`dspy.Evaluate`."""

    @pytest.mark.api("5.7")
    async def test_result(self):
        result = await dspy.Evaluate(devset=items(4), metric=right)(SETTINGS, Slow())
        assert isinstance(result, dspy.Prediction) and result.score == 100.0
        assert [example.number for example, _, _ in result.results] == [0, 1, 2, 3]
        assert [prediction.number for _, prediction, _ in result.results] == [0, 1, 2, 3]
        assert repr(result) == "EvaluationResult(score=100.0, results=<list of 4 results>)"

    @pytest.mark.parametrize("kind", ["plain", "async", "with settings"])
    async def test_a_program_that_is_any_callable(self, kind):
        def plain(**inputs):
            return dspy.Prediction(number=inputs["number"])

        async def waits(**inputs):
            return plain(**inputs)

        async def takes(settings, **inputs):
            assert settings.tenant == "a"
            return plain(**inputs)

        program = {"plain": plain, "async": waits, "with settings": takes}[kind]
        settings = SETTINGS.context(tenant="a")
        result = await dspy.Evaluate(devset=items(2), metric=lambda example, prediction: 1.0)(settings, program)
        assert [prediction.number for _, prediction, _ in result.results] == [0, 1]

    async def test_arguments_of_the_call_win(self):
        evaluate = dspy.Evaluate(devset=items(4), metric=right, num_threads=1)
        program = Slow()
        result = await evaluate(SETTINGS, program, metric=half, devset=items(3), num_threads=3)
        assert (result.score, len(result.results), program.most) == (50.0, 3, 3)

    @pytest.mark.api("5.1")
    async def test_threads_come_from_settings(self):
        program = Slow()
        await dspy.Evaluate(devset=items(10), metric=right)(SETTINGS.context(num_threads=4), program)
        assert program.most == 4

    async def test_one_thread_is_in_order(self):
        program = Slow()
        data = [dspy.Example(number=n, seconds=0.02 / (n + 1)).with_inputs("number", "seconds") for n in range(5)]
        await dspy.Evaluate(devset=data, metric=right, num_threads=1)(SETTINGS, program)
        assert program.finished == [0, 1, 2, 3, 4] and program.most == 1

    @pytest.mark.api("5.3")
    async def test_failures_score_what_they_are_said_to(self, dspy_log):
        data = [*items(3), dspy.Example(number=3, fails=True).with_inputs("number", "fails")]
        result = await dspy.Evaluate(devset=data, metric=right, failure_score=0.5)(SETTINGS, Slow())
        assert result.score == 87.5
        assert result.results[3][1:] == (dspy.Prediction(), 0.5)
        assert "item 3 fails. Set `provide_traceback=True` for traceback." in dspy_log.text

    @pytest.mark.api("5.4")
    async def test_tracebacks(self, dspy_log):
        data = [dspy.Example(number=3, fails=True).with_inputs("number", "fails")]
        await dspy.Evaluate(devset=data, metric=right, provide_traceback=True)(SETTINGS, Slow())
        assert "Traceback" in dspy_log.text and "in forward" in dspy_log.text

    @pytest.mark.api("5.2", "2.19")
    @pytest.mark.parametrize("threads", [1, 4])
    async def test_max_errors(self, threads: int, dspy_log):
        data = items(20, fails=True)
        program = Slow()
        with pytest.raises(Exception, match="Execution cancelled due to errors or interruption"):
            await dspy.Evaluate(devset=data, metric=right, max_errors=3, num_threads=threads)(SETTINGS, program)
        assert 3 <= len(program.started) <= 3 + 2 * threads
        assert nothing_runs_behind() == set()
        with pytest.raises(Exception, match="Execution cancelled"):
            await dspy.Evaluate(devset=data, metric=right)(SETTINGS.context(max_errors=2), Slow())

    async def test_a_metric_that_fails_is_a_failure(self):
        async def broken(settings, example, prediction, trace=None):
            raise KeyError("metric")

        result = await dspy.Evaluate(devset=items(2), metric=broken, failure_score=0.25)(SETTINGS, Slow())
        assert result.score == 25.0

    async def test_files(self, tmp_path):
        table, data = tmp_path / "r.csv", tmp_path / "r.json"
        evaluate = dspy.Evaluate(devset=items(2), metric=right, save_as_csv=str(table), save_as_json=str(data))
        await evaluate(SETTINGS, Slow())
        with table.open() as file:
            assert [row["right"] for row in csv.DictReader(file)] == ["True", "True"]
        assert [row["right"] for row in json.loads(data.read_text())] == [True, True]

    @pytest.mark.api("5.5")
    async def test_table_and_progress(self, capfd):
        evaluate = dspy.Evaluate(devset=items(2), metric=right, display_table=1, display_progress=True)
        await evaluate(SETTINGS, Slow())
        out, err = capfd.readouterr()
        assert "Average Metric: 2.00 / 2 (100.0%)" in out + err
        assert "right" in out

    async def test_callbacks(self):
        recorder = Recorder()
        settings = SETTINGS.context(callbacks=[recorder])
        await dspy.Evaluate(devset=items(2), metric=right)(settings, Slow(), callback_metadata={"run": 1})
        name, inputs = recorder.events[0]
        assert name == "evaluate start" and inputs["callback_metadata"] == {"run": 1}
        assert recorder.names[-1] == "evaluate end" and recorder.events[-1][1].score == 100.0

    async def test_metrics_of_the_package(self):
        exact, passage = dspy.evaluate.answer_exact_match, dspy.evaluate.answer_passage_match
        example = dspy.Example(answer="The Paris", question="?").with_inputs("question")
        assert exact(example, dspy.Prediction(answer="paris")) is True
        assert exact(example, dspy.Prediction(answer="Rome")) is False
        assert passage(example, dspy.Prediction(context=["It is Paris."])) is True
        _, lm = scripted(fields(answer="paris"))
        evaluate = dspy.Evaluate(devset=[example], metric=exact)
        assert (await evaluate(dspy.Settings(lm=lm), dspy.Predict("question -> answer"))).score == 100.0

    async def test_semantic_f1_as_a_metric(self):
        """A module as a metric: it is called with settings, and scores with the settings' own model."""

        def answer(last, number):
            if "ground_truth" in last:
                return fields(reasoning="r", recall="1.0", precision="0.5")
            return fields(response="r")

        from tests.generated.support import AsyncSide

        side = AsyncSide(dspy)
        lm = side.lm(answer)
        data = [dspy.Example(question="?", response="r").with_inputs("question")]
        metric = dspy.evaluate.SemanticF1()
        result = await dspy.Evaluate(devset=data, metric=metric)(
            dspy.Settings(lm=lm), dspy.Predict("question -> response")
        )
        assert result.score == 66.67
        assert len(side.log) == 2


class TestParallel:
    """`dspy.Parallel`."""

    async def test_shapes_of_items(self):
        program = Slow()

        class Pair(dspy.Module):
            async def forward(self, settings, a, b):
                return (a, b)

        pairs = [(program, dspy.Example(number=1).with_inputs("number")), (program, {"number": 2}), (Pair(), (3, 4))]
        first, second, third = await dspy.Parallel(disable_progress_bar=True)(SETTINGS, pairs)
        assert (first.number, second.number, third) == (1, 2, (3, 4))

    async def test_wrong_shapes(self):
        parallel = dspy.Parallel(disable_progress_bar=True, return_failed_examples=True)
        _, _, errors = await parallel(SETTINGS, [(Slow(), 5)])
        assert "Invalid example type" in str(errors[0])

    async def test_parallel_in_parallel(self):
        inner = dspy.Parallel(disable_progress_bar=True)
        found = await dspy.Parallel(disable_progress_bar=True)(SETTINGS, [(inner, [(Slow(), {"number": 1})])])
        assert found[0][0].number == 1

    async def test_whole_examples(self):
        class Whole(dspy.Module):
            async def forward(self, settings, example):
                return example.number

        pairs = [(Whole(), example) for example in items(2)]
        assert await dspy.Parallel(access_examples=False, disable_progress_bar=True)(SETTINGS, pairs) == [0, 1]

    @pytest.mark.api("5.1", "2.19", "2.20")
    async def test_limit(self):
        program = Slow()
        pairs = [(program, {"number": n}) for n in range(9)]
        await dspy.Parallel(num_threads=3, disable_progress_bar=True)(SETTINGS, pairs)
        assert program.most == 3
        await dspy.Parallel(disable_progress_bar=True)(SETTINGS.context(num_threads=5), pairs)
        assert program.most == 5

    async def test_plain_functions(self):
        def double(number):
            return 2 * number

        async def triple(settings, number):
            return 3 * number

        pairs = [(double, {"number": 2}), (triple, {"number": 2})]
        assert await dspy.Parallel(disable_progress_bar=True)(SETTINGS, pairs) == [4, 6]

    async def test_each_item_has_settings_of_its_own(self):
        class Changes(dspy.Module):
            async def forward(self, settings, number):
                settings.configure(number=number)
                await asyncio.sleep(0.01)
                return settings.number

        pairs = [(Changes(), {"number": n}) for n in range(5)]
        parent = dspy.Settings(number=None)
        assert await dspy.Parallel(disable_progress_bar=True)(parent, pairs) == [0, 1, 2, 3, 4]
        assert parent.number is None

    @pytest.mark.api("5.6")
    async def test_a_straggler_is_started_again(self):
        """The second try of a slow item may win; the first one is cancelled then."""
        program = Slow()
        tries = []

        def seconds(_):
            tries.append(1)
            return 30 if len(tries) == 1 else 0.01

        pairs = [(program, {"number": 0}), (program, {"number": 1, "seconds": seconds})]
        started = time.monotonic()
        found = await dspy.Parallel(timeout=1, disable_progress_bar=True)(SETTINGS, pairs)
        assert [each.number for each in found] == [0, 1]
        assert len(tries) == 2 and time.monotonic() - started < 10
        assert program.cancelled == [1] and nothing_runs_behind() == set()

    @pytest.mark.api("5.6")
    async def test_no_timeout_no_second_try(self):
        program = Slow()
        pairs = [(program, {"number": 1, "seconds": 1.5})]
        await dspy.Parallel(timeout=0, num_threads=2, disable_progress_bar=True)(SETTINGS, pairs)
        assert program.started == [1]


class TestCancellation:
    """The awaiting task is cancelled."""

    @pytest.mark.api("5.9", "5.10")
    @pytest.mark.parametrize("threads", [1, 4])
    async def test_of_evaluate(self, threads: int):
        program = Slow()
        evaluate = dspy.Evaluate(devset=items(10, seconds=30), metric=right, num_threads=threads)
        task = asyncio.create_task(evaluate(SETTINGS, program))
        while len(program.started) < threads:
            await asyncio.sleep(0.01)
        task.cancel()
        started = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - started < 1
        assert len(program.cancelled) == threads and program.finished == []
        assert nothing_runs_behind() == set()

    async def test_by_a_timeout(self):
        program = Slow()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(program.batch(SETTINGS, items(3, seconds=30), disable_progress_bar=True), 0.1)
        assert len(program.cancelled) == 3 and nothing_runs_behind() == set()

    async def test_a_cancelled_item_is_no_failed_one(self):
        """Cancellation is not swallowed and counted as an error of the item."""
        program = Slow()
        parallel = dspy.Parallel(num_threads=2, disable_progress_bar=True, return_failed_examples=True)
        task = asyncio.create_task(parallel(SETTINGS, [(program, {"number": n, "seconds": 30}) for n in range(2)]))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert parallel.exceptions == []

    @pytest.mark.api("5.11")
    async def test_no_thread_is_left(self):
        before = threading.active_count()
        await dspy.Evaluate(devset=items(5), metric=right, num_threads=5)(SETTINGS, Slow())
        assert threading.active_count() == before


@pytest.mark.api("5.8")
def test_ctrl_c():
    """SIGINT ends a run promptly, with KeyboardInterrupt, and the handler from before is back."""
    program = Slow()

    async def main():
        asyncio.get_running_loop().call_later(0.3, os.kill, os.getpid(), signal.SIGINT)
        await dspy.Evaluate(devset=items(10, seconds=30), metric=right, num_threads=3)(SETTINGS, program)

    before = signal.getsignal(signal.SIGINT)
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(main())
    assert time.monotonic() - started < 5
    assert signal.getsignal(signal.SIGINT) is before
    assert program.finished == [] and len(program.cancelled) == 3
