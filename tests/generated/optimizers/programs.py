"""Optimizers on upstream and on the generated package; `test_same_as_upstream.py` compares the two.

The scripted model answers by what it is asked and by how many requests came before, so that candidates differ in their
scores and one request more, or in another place, shows.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import tempfile
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from tests.generated.sides import Side, fields

ANSWERS = {f"q{number}": f"a{number}" for number in range(12)}


def chance(last: str, number: int, of: int = 3) -> int:
    """A number that depends on all that came before."""
    return zlib.crc32(f"{last} {number}".encode()) % of


def respond(**given: Any) -> Callable[[str, int], Any]:
    """Answers any request of the chat adapter by the fields it asks for, as said, or with something made up."""

    def answer(last: str, number: int) -> Any:
        asked = re.findall(r"`\[\[ ## (\w+) ## \]\]`", last.rpartition("Respond with")[2])
        values: dict[str, Any] = {}
        for name in asked:
            if name == "completed":
                continue
            value = given.get(name)
            values[name] = value(last, number) if callable(value) else value
            if value is None and name == "answer":
                values[name] = right_or_wrong(last, number)
            elif value is None:
                values[name] = f"{name} {chance(last, number, 1000)}"
        return fields(**values) if values else f"text {chance(last, number, 1000)}"

    return answer


def right_or_wrong(last: str, number: int) -> str:
    """Two answers out of three are right."""
    question = re.findall(r"\[\[ ## question ## \]\]\s+(q\d+)", last)[-1]
    return ANSWERS[question] if chance(last, number) else "wrong"


def examples(side: Side, count: int = 6, start: int = 0) -> list[Any]:
    """Questions and their answers."""
    return [
        side.dspy.Example(question=question, answer=answer).with_inputs("question")
        for question, answer in list(ANSWERS.items())[start : start + count]
    ]


def right(example: Any, prediction: Any, trace: Any = None) -> float:
    """The metric."""
    return float(example.answer == prediction.answer)


def two_steps(side: Side) -> Any:
    """A program with two predictors."""
    dspy = side.dspy

    class Program(side.Module):
        def __init__(self):
            super().__init__()
            self.draft = dspy.Predict("question -> draft")
            self.answer = dspy.ChainOfThought("question, draft -> answer")

        async def body(self, ask, question):
            draft = await ask(self.draft, question=question)
            return await ask(self.answer, question=question, draft=draft.draft)

    return Program()


def state(program: Any) -> dict[str, Any]:
    """What an optimizer changes in a program."""
    return {
        name: {
            "instructions": predictor.signature.instructions,
            "fields": list(predictor.signature.fields),
            "prefixes": [field.json_schema_extra["prefix"] for field in predictor.signature.fields.values()],
            "demos": [dict(demo) for demo in predictor.demos],
            "lm": predictor.lm and predictor.lm.model,
        }
        for name, predictor in program.named_predictors()
    }


def candidates(programs: list[dict[str, Any]]) -> list[Any]:
    """Scores and programs that an optimizer attached to its result."""
    return [[each["score"], state(each["program"])] for each in programs]


def late(side: Side, make: Callable[[], Any]) -> Callable[..., Any]:
    """The `compile` of an optimizer that is made where it is called: upstream's constructors may read settings."""
    if not side.is_async:
        return lambda *args, **kwargs: make().compile(*args, **kwargs)

    async def compile(settings: Any, *args: Any, **kwargs: Any) -> Any:
        return await make().compile(settings, *args, **kwargs)

    return compile


async def random_search(side: Side) -> Any:
    dspy = side.dspy
    optimizer = dspy.BootstrapFewShotWithRandomSearch(
        metric=right, max_bootstrapped_demos=2, max_labeled_demos=2, num_candidate_programs=3, num_threads=1
    )
    compiled = await side.call(
        optimizer.compile,
        two_steps(side),
        using={"lm": side.lm(respond())},
        trainset=examples(side),
        valset=examples(side, 4, 6),
    )
    return [state(compiled), candidates(compiled.candidate_programs), side.trace]


async def random_search_that_stops(side: Side) -> Any:
    dspy = side.dspy
    teacher = {"lm": side.lm(respond(), name="teacher")}
    optimizer = dspy.BootstrapFewShotWithRandomSearch(
        metric=right,
        metric_threshold=0.5,
        teacher_settings=teacher,
        num_candidate_programs=6,
        num_threads=1,
        stop_at_score=70.0,
        max_labeled_demos=1,
        max_rounds=2,
    )
    compiled = await side.call(
        optimizer.compile, two_steps(side), using={"lm": side.lm(respond())}, trainset=examples(side)
    )
    return [state(compiled), candidates(compiled.candidate_programs)]


@contextlib.contextmanager
def seeded_studies() -> Iterator[None]:
    import optuna

    def create(**kwargs: Any) -> Any:
        return made(**{"sampler": optuna.samplers.TPESampler(seed=3), **kwargs})

    made = optuna.create_study
    with mock.patch("optuna.create_study", create):
        yield


async def few_shot_with_optuna(side: Side) -> Any:
    from dspy.teleprompt.teleprompt_optuna import BootstrapFewShotWithOptuna

    optimizer = BootstrapFewShotWithOptuna(metric=right, num_candidate_programs=5, max_labeled_demos=2, num_threads=1)
    with seeded_studies():
        compiled = await side.call(
            optimizer.compile,
            two_steps(side),
            using={"lm": side.lm(respond())},
            max_demos=3,
            trainset=examples(side),
            valset=examples(side, 3, 6),
        )
    return state(compiled)


def choices(last: str, number: int) -> list[Any]:
    """Two answers to one request."""
    return [respond()(f"{last} {choice}", number) for choice in range(2)]


async def copro(side: Side) -> Any:
    dspy = side.dspy
    results = []
    for prompt_model in (None, side.lm(choices, name="prompts")):
        optimizer = dspy.COPRO(prompt_model=prompt_model, metric=right, breadth=3, depth=2, track_stats=True)
        lm = side.lm(lambda last, n: respond()(last, n) if "question" in last else choices(last, n))
        compiled = await side.call(
            optimizer.compile,
            two_steps(side),
            using={"lm": lm},
            trainset=examples(side, 3),
            eval_kwargs={"num_threads": 1},
        )
        ranked = [[each["score"], each["instruction"], each["depth"]] for each in compiled.candidate_programs]
        results.append([state(compiled), ranked, compiled.total_calls, list(compiled.results_best.values())])
    return results


async def mipro(side: Side) -> Any:
    """Demos and instructions, all of the validation set for each candidate."""
    dspy = side.dspy
    models = {"prompt_model": side.lm(respond(), name="prompts"), "task_model": side.lm(respond(), name="task")}
    optimizer = dspy.MIPROv2(
        metric=right,
        auto=None,
        num_candidates=3,
        max_bootstrapped_demos=2,
        max_labeled_demos=2,
        num_threads=1,
        **models,
    )
    compiled = await side.call(
        optimizer.compile,
        two_steps(side),
        using={"lm": side.lm([], name="unused")},
        trainset=examples(side),
        valset=examples(side, 4, 6),
        num_trials=5,
        minibatch=False,
        seed=4,
    )
    return [state(compiled), compiled.score, candidates(compiled.candidate_programs), plain_logs(compiled.trial_logs)]


def plain_logs(logs: dict[int, dict[str, Any]]) -> Any:
    """Trials without the programs in them."""
    return {
        number: {key: value for key, value in trial.items() if not key.endswith(("program", "path"))}
        for number, trial in logs.items()
    }


async def mipro_in_minibatches(side: Side) -> Any:
    """The models are those of the settings; programs are saved; a summary of many examples is made."""
    dspy = side.dspy
    with tempfile.TemporaryDirectory() as folder:
        make = lambda: dspy.MIPROv2(  # noqa: E731
            metric=right,
            auto=None,
            num_candidates=2,
            max_bootstrapped_demos=1,
            max_labeled_demos=1,
            num_threads=1,
            log_dir=folder,
        )
        compiled = await side.call(
            late(side, make),
            two_steps(side),
            using={"lm": side.lm(respond())},
            trainset=examples(side),
            valset=examples(side, 5, 6),
            num_trials=4,
            minibatch_size=2,
            minibatch_full_eval_steps=2,
            view_data_batch_size=2,
        )
        saved = {path.name: json.loads(path.read_text())["draft"] for path in Path(folder).rglob("*.json")}
    return [
        state(compiled),
        compiled.score,
        candidates(compiled.candidate_programs),
        candidates(compiled.mb_candidate_programs),
        plain_logs(compiled.trial_logs),
        dict(sorted(saved.items())),
    ]


async def mipro_without_demos(side: Side) -> Any:
    dspy = side.dspy
    lm = side.lm(respond(observations=lambda last, n: "COMPLETE" if chance(last, n) else "odd"))
    optimizer = dspy.MIPROv2(metric=right, prompt_model=lm, task_model=lm, num_threads=1, verbose=True)
    compiled = await side.call(
        optimizer.compile,
        two_steps(side),
        using={"lm": lm},
        trainset=examples(side, 8),
        valset=examples(side, 4, 8),
        max_bootstrapped_demos=0,
        max_labeled_demos=0,
        tip_aware_proposer=False,
    )
    return [state(compiled), compiled.score, candidates(compiled.candidate_programs)]


async def mipro_whose_proposer_is_blind(side: Side) -> Any:
    """No summary of the data and no description of the program can be had."""
    dspy = side.dspy
    answer = respond()

    def broken(last: str, number: int) -> Any:
        asked = last.rpartition("Respond with")[2]
        unknown = "observations" in asked or "program_description" in asked
        return dspy.LMServerError("down") if unknown else answer(last, number)

    optimizer = dspy.MIPROv2(
        metric=right,
        prompt_model=side.lm(broken, name="prompts"),
        task_model=side.lm(respond(), name="task"),
        auto=None,
        num_candidates=2,
        num_threads=1,
    )
    compiled = await side.call(
        optimizer.compile,
        two_steps(side),
        using={},
        trainset=examples(side),
        valset=examples(side, 3, 6),
        num_trials=2,
        minibatch=False,
    )
    return [state(compiled), compiled.score]


def advice(last: str, number: int) -> str:
    return json.dumps({"draft": f"advice {chance(last, number, 100)}", "answer.predict": "be right"})


async def simba(side: Side) -> Any:
    dspy = side.dspy
    results = []
    for prompt_model in (None, side.lm(respond(module_advice=advice), name="prompts")):
        lm = side.lm(respond(module_advice=advice))
        make = lambda: dspy.SIMBA(  # noqa: E731
            metric=right,
            bsize=3,
            num_candidates=3,
            max_steps=3,
            max_demos=2,
            num_threads=1,
            prompt_model=prompt_model,  # noqa: B023
        )
        compiled = await side.call(late(side, make), two_steps(side), using={"lm": lm}, trainset=examples(side), seed=1)
        results.append([state(compiled), candidates(compiled.candidate_programs), compiled.trial_logs])
    return results


async def simba_with_a_teacher_and_failures(side: Side) -> Any:
    dspy = side.dspy
    answer = respond(module_advice=advice)

    def shaky(last: str, number: int) -> Any:
        return dspy.LMServerError("down") if chance(last, number, 7) == 0 else answer(last, number)

    def metric(example: Any, prediction: Any, trace: Any = None) -> Any:
        if example.question == "q1":
            raise KeyError("no score")
        return dspy.Prediction(score=right(example, prediction), note=f"about {example.question}")

    teacher = side.lm(respond(), name="teacher")
    make = lambda: dspy.SIMBA(  # noqa: E731
        metric=metric,
        bsize=4,
        num_candidates=2,
        max_steps=2,
        max_demos=0,
        num_threads=1,
        teacher_settings={"lm": teacher},
    )
    compiled = await side.call(late(side, make), two_steps(side), using={"lm": side.lm(shaky)}, trainset=examples(side))
    return [state(compiled), candidates(compiled.candidate_programs), compiled.trial_logs]


def feedback(example: Any, prediction: Any, trace: Any = None, pred_name: Any = None, pred_trace: Any = None) -> Any:
    """GEPA's kind of metric."""
    import dspy

    if pred_name is None:
        return right(example, prediction)
    note = f"{pred_name} on {example.question}: {len(trace)} steps, {len(pred_trace)} of its own"
    return dspy.Prediction(score=right(example, prediction), feedback=note)


def rewrite(last: str, number: int) -> str:
    """An answer of the model that reflects."""
    return f"Here it is:\n```\ninstruction {chance(last, number, 1000)}\n```"


async def gepa(side: Side) -> Any:
    dspy = side.dspy
    optimizer = dspy.GEPA(
        metric=feedback,
        max_metric_calls=60,
        reflection_lm=side.lm(rewrite, name="reflection"),
        num_threads=1,
        track_stats=True,
        track_best_outputs=True,
        seed=5,
    )
    compiled = await side.call(
        optimizer.compile,
        two_steps(side),
        using={"lm": side.lm(respond())},
        trainset=examples(side),
        valset=examples(side, 4, 6),
    )
    found = compiled.detailed_results
    return [
        state(compiled),
        found.val_aggregate_scores,
        found.val_subscores,
        found.parents,
        found.total_metric_calls,
        found.discovery_eval_counts,
        [state(each) for each in found.candidates],
        found.num_full_val_evals,
    ]


async def gepa_with_own_parts(side: Side) -> Any:
    """A proposer and a selector of the user's; the proposer's model is the one of the settings."""
    dspy = side.dspy
    seen: list[Any] = []

    def selector(state: Any, trajectories: Any, subsample_scores: Any, candidate_idx: int, candidate: Any) -> list[str]:
        seen.append([len(trajectories), subsample_scores, candidate_idx])
        return list(candidate)

    if side.is_async:

        async def proposer(settings: Any, candidate: Any, reflective_dataset: Any, components_to_update: Any) -> Any:
            texts = {}
            for name in components_to_update:
                texts[name] = (await settings.lm(settings, json.dumps(reflective_dataset[name])))[0]
            return texts
    else:

        def proposer(candidate: Any, reflective_dataset: Any, components_to_update: Any) -> Any:
            return {name: dspy.settings.lm(json.dumps(reflective_dataset[name]))[0] for name in components_to_update}

    optimizer = dspy.GEPA(
        metric=feedback,
        max_metric_calls=45,
        instruction_proposer=proposer,
        component_selector=selector,
        num_threads=1,
        candidate_selection_strategy="current_best",
        skip_perfect_score=False,
        use_merge=False,
        reflection_lm=side.lm(rewrite, name="reflection"),
    )
    compiled = await side.call(
        optimizer.compile, two_steps(side), using={"lm": side.lm(respond())}, trainset=examples(side)
    )
    return [state(compiled), seen]


async def gepa_with_failures(side: Side) -> Any:
    """Answers that cannot be parsed become feedback."""
    dspy = side.dspy
    answer = respond()

    def odd(last: str, number: int) -> Any:
        return "{}" if chance(last, number, 4) == 0 else answer(last, number)

    optimizer = dspy.GEPA(
        metric=feedback,
        max_metric_calls=40,
        reflection_lm=side.lm(rewrite, name="reflection"),
        num_threads=1,
        add_format_failure_as_feedback=True,
        failure_score=-0.5,
        seed=2,
    )
    using = {"lm": side.lm(odd), "adapter": dspy.ChatAdapter(use_json_adapter_fallback=False)}
    compiled = await side.call(
        optimizer.compile,
        two_steps(side),
        using=using,
        trainset=examples(side),
    )
    return state(compiled)


async def gepa_with_several_candidates(side: Side) -> Any:
    """Proposals of one iteration are evaluated in one batch, and merged."""
    from gepa.strategies.proposal_sampling import PxNSampling

    dspy = side.dspy
    optimizer = dspy.GEPA(
        metric=feedback,
        max_metric_calls=90,
        reflection_lm=side.lm(rewrite, name="reflection"),
        num_threads=1,
        use_merge=True,
        gepa_kwargs={"sampling_strategy": PxNSampling(2, 2), "cache_evaluation": True},
    )
    using = {"lm": side.lm(respond())}
    return state(await side.call(optimizer.compile, two_steps(side), using=using, trainset=examples(side)))


async def gepa_goes_on_where_it_was(side: Side) -> Any:
    dspy = side.dspy
    states = []
    with tempfile.TemporaryDirectory() as folder:
        reflection = side.lm(rewrite, name="reflection")
        lm = side.lm(respond())
        for calls in (25, 50):
            optimizer = dspy.GEPA(
                metric=feedback, max_metric_calls=calls, reflection_lm=reflection, num_threads=1, log_dir=folder
            )
            states.append(
                state(await side.call(optimizer.compile, two_steps(side), using={"lm": lm}, trainset=examples(side)))
            )
    return states


async def infer_rules(side: Side) -> Any:
    dspy = side.dspy
    optimizer = dspy.InferRules(
        metric=right,
        num_candidates=2,
        num_rules=3,
        num_threads=1,
        max_bootstrapped_demos=1,
        max_labeled_demos=1,
        teacher_settings={"lm": side.lm(respond(), name="teacher")},
    )
    compiled = await side.call(
        optimizer.compile, two_steps(side), using={"lm": side.lm(respond())}, trainset=examples(side, 8)
    )
    return state(compiled)


def embed(texts: list[str]) -> list[list[float]]:
    """A made up embedding."""
    return [[zlib.crc32(f"{text} {number}".encode()) % 100 / 100 for number in range(4)] for text in texts]


async def knn_few_shot(side: Side) -> Any:
    dspy = side.dspy
    embedded: list[list[str]] = []

    def noted(texts: list[str]) -> list[list[float]]:
        embedded.append(texts)
        return embed(texts)

    vectorizer = dspy.Embedder(noted, caching=False)
    optimizer = dspy.KNNFewShot(3, examples(side, 8), vectorizer=vectorizer, metric=right, max_bootstrapped_demos=2)
    compiled = await side.call(optimizer.compile, two_steps(side), using={})
    using = {"lm": side.lm(respond())}
    answers = [await side.call(compiled, using=using, question=question) for question in ("q9", "q10")]
    nearest = await side.call(optimizer.KNN, using=using, question="q11")
    return [answers, nearest, embedded, optimizer.KNN.trainset_vectors.tolist()]


async def ensemble(side: Side) -> Any:
    dspy = side.dspy
    programs = [two_steps(side) for _ in range(3)]
    found = []
    for reduce_fn, size in ((dspy.majority, None), (None, 2)):
        compiled = await side.call(dspy.Ensemble(reduce_fn=reduce_fn, size=size).compile, programs, using={})
        random.seed(1)
        found.append(await side.call(compiled, using={"lm": side.lm(respond())}, question="q1"))
    return found


class Tuned:
    """Jobs that train a scripted model, for `finetune` and `reinforce`; they note what they are given."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self.given: list[Any] = []

    def lm(self, name: str) -> Any:
        """A model that can be trained."""
        made = self.side.lm(respond(), name=name)
        cls = type(made)
        cls.finetune = lambda lm, **kwargs: self.finetune(lm, **kwargs)
        cls.reinforce = self.waited(lambda lm, train_kwargs: self.reinforce(lm, train_kwargs))
        cls.launch = self.waited(lambda lm, launch_kwargs=None: self.given.append(["launch", lm.model]))
        cls.kill = self.waited(lambda lm, launch_kwargs=None: self.given.append(["kill", lm.model]))
        return made

    def waited(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """A method that is awaited, on the side where it is."""

        async def later(lm: Any, *args: Any, **kwargs: Any) -> Any:
            return method(lm, *args, **kwargs)

        return later if self.side.is_async else method

    def finetune(self, lm: Any, train_data: Any, train_data_format: Any, train_kwargs: Any) -> Any:
        """A job whose thread ends at once."""
        from dspy.clients.provider import TrainingJob

        self.given.append([lm.model, train_data, str(train_data_format), train_kwargs])
        result = self.lm(f"{lm.model} tuned")
        thread = threading.Thread(target=lambda: job.set_result(result))
        job = TrainingJob(thread=thread, model=lm.model)
        thread.start()
        return job

    def reinforce(self, lm: Any, train_kwargs: Any) -> Any:
        """A job that asks for one batch of each step."""
        tuned = self
        tuned.given.append([lm.model, train_kwargs])

        class Job:
            steps = 0

            def get_status(self) -> dict[str, Any]:
                return {"pending_batch_ids": [self.steps]}

            def step(self, train_data: Any, train_data_format: Any) -> None:
                self.steps += 1
                tuned.given.append([train_data, str(train_data_format)])

            def terminate(self) -> None:
                tuned.given.append("terminate")

        return Job()


async def bootstrap_finetune(side: Side) -> Any:
    dspy = side.dspy
    results = []
    for multitask in (True, False):
        tuned = Tuned(side)
        student = two_steps(side)
        student.set_lm(tuned.lm("small"))
        teacher = two_steps(side)
        teacher.set_lm(side.lm(respond(), name="teacher"))
        optimizer = dspy.BootstrapFinetune(
            metric=right, num_threads=1, multitask=multitask, train_kwargs={"epochs": 2}, exclude_demos=True
        )
        using = {"num_threads": 4}
        if not multitask:
            optimizer.num_threads = 2
            side.log.append({"then": "in threads"})
        compiled = await side.call(
            optimizer.compile, student, using=using, trainset=examples(side, 4 if multitask else 1), teacher=teacher
        )
        results.append([state(compiled), tuned.given])
    return results


async def better_together(side: Side) -> Any:
    dspy = side.dspy
    tuned = Tuned(side)
    student = two_steps(side)
    student.set_lm(tuned.lm("small"))
    optimizer = dspy.BetterTogether(
        metric=right,
        p=dspy.BootstrapFewShotWithRandomSearch(
            metric=right, max_bootstrapped_demos=1, max_labeled_demos=1, num_candidate_programs=1, num_threads=1
        ),
        w=dspy.BootstrapFinetune(metric=right, num_threads=1),
    )
    failures = []
    for args in ({"p": {"student": 1}}, {"p": {"nothing": 1, "settings": 2}}, {"x": {}}):
        try:
            await side.call(optimizer.compile, student, using={}, trainset=examples(side), optimizer_compile_args=args)
        except ValueError as error:
            failures.append(str(error))
    compiled = await side.call(
        optimizer.compile,
        student,
        using={},
        trainset=examples(side, 8),
        strategy="p -> w -> p",
        num_threads=1,
        seed=3,
        optimizer_compile_args={"p": {"labeled_sample": False}},
    )
    ranked = [[each["score"], each["strategy"], state(each["program"])] for each in compiled.candidate_programs]
    return [state(compiled), ranked, compiled.flag_compilation_error_occurred, tuned.given, failures]


async def grpo(side: Side) -> Any:
    from dspy.teleprompt.grpo import GRPO

    dspy = side.dspy
    tuned = Tuned(side)
    student = two_steps(side)
    student.set_lm(tuned.lm("small"))
    optimizer = GRPO(
        metric=right,
        num_train_steps=2,
        num_dspy_examples_per_grpo_step=2,
        num_rollouts_per_grpo_step=2,
        seed=4,
        num_steps_for_val=1,
        use_train_as_val=False,
        report_train_scores=False,
        exclude_demos=True,
        num_threads=1,
    )
    compiled = await side.call(
        optimizer.compile,
        student,
        using={"adapter": dspy.ChatAdapter()},
        trainset=examples(side, 4),
        valset=examples(side, 2, 6),
    )
    return [state(compiled), tuned.given, compiled._compiled]


class Lookup:
    """A tool in the manner of langchain."""

    def __init__(self, is_async: bool) -> None:
        self.is_async = is_async

    def run(self, query: str) -> Any:
        async def later() -> str:
            await asyncio.sleep(0)
            return f"found {query}"

        return later() if self.is_async else f"found {query}"


async def avatar(side: Side) -> Any:
    """What this release calls `TypedPredictor` is gone from it: whoever has it still can go on using Avatar."""
    from dspy.predict.avatar import Avatar, Tool
    from dspy.teleprompt.avatar_optimizer import AvatarOptimizer

    dspy = side.dspy
    find = json.dumps({"tool_name": "lookup", "tool_input_query": "it"})
    finish = json.dumps({"tool_name": "Finish", "tool_input_query": "done"})

    def answer(last: str, number: int) -> str:
        question = re.findall(r"\[\[ ## question ## \]\]\s+(q\d+)", last)[-1]
        return ANSWERS[question] if question < "q4" else "wrong"

    given = {"action_1": find, "action_2": finish, "answer": answer}
    with mock.patch.object(dspy, "TypedPredictor", dspy.Predict, create=True):
        tool = Tool(tool=Lookup(side.is_async), name="lookup", desc="Looks up.", input_type="text")
        student = Avatar("question -> answer", tools=[tool])
        lm = side.lm(respond(**given))
        student.set_lm(lm)  # upstream's threads do not see the settings of a context
        optimizer = AvatarOptimizer(metric=right, max_iters=2, max_positive_inputs=2, max_negative_inputs=1)
        random.seed(3)
        compiled = await side.call(
            optimizer.compile, student, using={"lm": lm, "num_threads": 1}, trainset=examples(side)
        )
    return [compiled.actor.signature.instructions, compiled.actor_clone.signature.instructions]


PROGRAMS = {
    program.__name__: program
    for program in (
        random_search,
        random_search_that_stops,
        few_shot_with_optuna,
        copro,
        mipro,
        mipro_in_minibatches,
        mipro_without_demos,
        mipro_whose_proposer_is_blind,
        simba,
        simba_with_a_teacher_and_failures,
        gepa,
        gepa_with_own_parts,
        gepa_with_failures,
        gepa_with_several_candidates,
        gepa_goes_on_where_it_was,
        infer_rules,
        knn_few_shot,
        ensemble,
        bootstrap_finetune,
        better_together,
        grpo,
        avatar,
    )
}
