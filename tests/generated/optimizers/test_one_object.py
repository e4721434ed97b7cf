"""One optimizer, or one program, in the hands of several tasks: each gets what it would get alone."""

from __future__ import annotations

import asyncio
import functools
import importlib
import json
import pkgutil
import random
import re
from collections.abc import Callable
from typing import Any

import dspy
import pytest
from dspy.predict.avatar import Avatar, Tool
from dspy.teleprompt import isolation
from dspy.teleprompt.avatar_optimizer import AvatarOptimizer
from dspy.teleprompt.bootstrap_trace import bootstrap_trace_data
from dspy.teleprompt.grpo import GRPO
from dspy.teleprompt.teleprompt_optuna import BootstrapFewShotWithOptuna

from tests.generated.optimizers.programs import (
    ANSWERS,
    Lookup,
    Tuned,
    advice,
    candidates,
    embed,
    examples,
    feedback,
    respond,
    right,
    seeded_studies,
    state,
    two_steps,
)
from tests.generated.sides import AsyncSide
from tests.generated.support import Recorder


class Tenant(AsyncSide):
    """What one caller brings along: examples, a student and a model that lets others go first."""

    def __init__(self, name: str) -> None:
        super().__init__(dspy)
        self.name = name
        self.start = 0 if name == "one" else 5

    def lm(self, answers: Any, **kwargs: Any) -> Any:
        made = super().lm(answers, **{"name": self.name, **kwargs})
        answer = type(made).forward

        async def forward(lm: Any, settings: Any, /, prompt: Any = None, messages: Any = None, **given: Any) -> Any:
            await asyncio.sleep(0)
            return await answer(lm, settings, prompt=prompt, messages=messages, **given)

        type(made).forward = forward
        return made

    @property
    def settings(self) -> dspy.Settings:
        """Those of the caller; a new model, with a count of its own."""
        return dspy.Settings(lm=self.lm(respond(module_advice=advice)), num_threads=2, tenant=self.name)

    @property
    def sets(self) -> dict[str, Any]:
        """Of different sizes."""
        count = 4 if self.name == "one" else 6
        return {"trainset": examples(self, count, self.start), "valset": examples(self, count - 1, self.start)}

    @property
    def trainset(self) -> dict[str, Any]:
        return {"trainset": self.sets["trainset"]}

    @property
    def trained(self) -> Any:
        """A student whose model can be trained."""
        student = two_steps(self)
        student.set_lm(Tuned(self).lm(self.name))
        return student


# -- what is compiled, by optimizer -----------------------------------------------------------------------------------

Compile = Callable[[Any, Tenant], Any]


async def plainly(optimizer: Any, tenant: Tenant) -> Any:
    return state(await optimizer.compile(tenant.settings, two_steps(tenant), **tenant.trainset))


async def with_valset(optimizer: Any, tenant: Tenant) -> Any:
    compiled = await optimizer.compile(tenant.settings, two_steps(tenant), **tenant.sets)
    return [state(compiled), candidates(getattr(compiled, "candidate_programs", []))]


async def with_trials(optimizer: Any, tenant: Tenant) -> Any:
    given = {**tenant.sets, "num_trials": 3, "minibatch": False}
    return state(await optimizer.compile(tenant.settings, two_steps(tenant), **given))


async def with_optuna(optimizer: Any, tenant: Tenant) -> Any:
    return state(await optimizer.compile(tenant.settings, two_steps(tenant), max_demos=3, **tenant.sets))


async def with_eval_kwargs(optimizer: Any, tenant: Tenant) -> Any:
    given = {**tenant.trainset, "eval_kwargs": {"num_threads": 1}}
    return state(await optimizer.compile(tenant.settings, two_steps(tenant), **given))


async def with_trained(optimizer: Any, tenant: Tenant) -> Any:
    settings = tenant.settings.context(num_threads=4, adapter=dspy.ChatAdapter())
    return state(await optimizer.compile(settings, tenant.trained, **tenant.trainset))


async def with_steps(optimizer: Any, tenant: Tenant) -> Any:
    settings = tenant.settings.context(adapter=dspy.ChatAdapter())
    return state(await optimizer.compile(settings, tenant.trained, **tenant.sets))


async def with_seed(optimizer: Any, tenant: Tenant) -> Any:
    settings = tenant.settings.context(num_threads=4)
    return state(await optimizer.compile(settings, tenant.trained, seed=3, **tenant.sets))


async def of_neighbours(optimizer: Any, tenant: Tenant) -> Any:
    settings = tenant.settings
    compiled = await optimizer.compile(settings, two_steps(tenant))
    return [(await compiled(settings, question=each.question)).toDict() for each in tenant.trainset["trainset"]]


async def of_several(optimizer: Any, tenant: Tenant) -> Any:
    settings = tenant.settings
    compiled = await optimizer.compile(settings, [two_steps(tenant), two_steps(tenant)])
    return [each.toDict() for each in await compiled(settings, question="q1")]


async def of_an_actor(optimizer: Any, tenant: Tenant) -> Any:
    steps = {
        "action_1": json.dumps({"tool_name": "lookup", "tool_input_query": "it"}),
        "action_2": json.dumps({"tool_name": "Finish", "tool_input_query": "done"}),
    }

    def answer(last: str, number: int) -> str:
        question = re.findall(r"\[\[ ## question ## \]\]\s+(q\d+)", last)[-1]
        return "wrong" if int(question[1:]) % 2 else ANSWERS[question]

    tool = Tool(tool=Lookup(True), name="lookup", desc="Looks up.", input_type="text")
    settings = tenant.settings.context(lm=tenant.lm(respond(**steps, answer=answer)), num_threads=1)
    compiled = await optimizer.compile(settings, Avatar("question -> answer", tools=[tool]), **tenant.trainset)
    return compiled.actor.signature.instructions


async def propose(settings: Any, candidate: Any, reflective_dataset: Any, components_to_update: Any) -> Any:
    """GEPA's proposer, whose model is that of the call."""
    found = {}
    for name in components_to_update:
        found[name] = (await settings.lm(settings, json.dumps(reflective_dataset[name], default=str)))[0]
    return found


def better_together() -> Any:
    search = dspy.BootstrapFewShotWithRandomSearch(metric=right, num_candidate_programs=1, num_threads=1)
    return dspy.BetterTogether(metric=right, p=search, w=dspy.BootstrapFinetune(metric=right, num_threads=2))


def knn() -> Any:
    vectorizer = dspy.Embedder(embed, caching=False)
    return dspy.KNNFewShot(3, examples(AsyncSide(dspy), 8), vectorizer=vectorizer, metric=right)


few = {"max_bootstrapped_demos": 2, "max_labeled_demos": 2}
steps = {"num_train_steps": 3, "num_dspy_examples_per_grpo_step": 2, "num_rollouts_per_grpo_step": 2, "num_threads": 1}
OPTIMIZERS: dict[str, tuple[Callable[[], Any], Compile]] = {
    "LabeledFewShot": (lambda: dspy.LabeledFewShot(k=2), plainly),
    "BootstrapFewShot": (lambda: dspy.BootstrapFewShot(metric=right, max_rounds=2, **few), plainly),
    "BootstrapFewShotWithRandomSearch": (
        lambda: dspy.BootstrapFewShotWithRandomSearch(metric=right, num_candidate_programs=2, num_threads=1, **few),
        with_valset,
    ),
    "BootstrapFewShotWithOptuna": (
        lambda: BootstrapFewShotWithOptuna(metric=right, num_candidate_programs=3, max_labeled_demos=2, num_threads=1),
        with_optuna,
    ),
    "COPRO": (lambda: dspy.COPRO(metric=right, breadth=2, depth=2), with_eval_kwargs),
    "MIPROv2": (lambda: dspy.MIPROv2(metric=right, auto=None, num_candidates=2, num_threads=1, **few), with_trials),
    "SIMBA": (lambda: dspy.SIMBA(metric=right, bsize=3, num_candidates=2, max_steps=2, num_threads=1), plainly),
    "GEPA": (
        lambda: dspy.GEPA(metric=feedback, max_full_evals=3, instruction_proposer=propose, num_threads=1),
        with_valset,
    ),
    "InferRules": (
        lambda: dspy.InferRules(metric=right, num_candidates=2, num_rules=2, num_threads=1, **few),
        plainly,
    ),
    "KNNFewShot": (knn, of_neighbours),
    "Ensemble": (lambda: dspy.Ensemble(), of_several),
    "BootstrapFinetune": (lambda: dspy.BootstrapFinetune(metric=right, num_threads=2), with_trained),
    "BetterTogether": (better_together, with_seed),
    "GRPO": (lambda: GRPO(metric=right, exclude_demos=True, **steps), with_steps),
    "AvatarOptimizer": (lambda: AvatarOptimizer(metric=right, max_iters=2), of_an_actor),
}


@pytest.fixture(autouse=True)
def same_chances(monkeypatch: pytest.MonkeyPatch):
    """Studies are seeded, and what this release has lost is there."""
    monkeypatch.setattr(dspy, "TypedPredictor", dspy.Predict, raising=False)
    with seeded_studies():
        yield


async def run(optimizer: Any, compile: Compile, tenant: Tenant) -> Any:
    random.seed(3)
    return [await compile(optimizer, tenant), tenant.log]


def test_every_optimizer_is_here():
    """An optimizer that a release brings wants a line above."""

    def below(cls: type[Any]) -> set[str]:
        found = {cls.__name__} if cls.__module__.startswith("dspy.") else set()
        return found.union(*map(below, cls.__subclasses__()))

    bases, other_names = {"Teleprompter", "FinetuneTeleprompter"}, {"SignatureOptimizer"}
    for module in pkgutil.walk_packages(dspy.teleprompt.__path__, "dspy.teleprompt."):
        importlib.import_module(module.name)
    assert below(dspy.teleprompt.Teleprompter) - bases - other_names == set(OPTIMIZERS)


@pytest.mark.api("5.13")
@pytest.mark.parametrize("name", OPTIMIZERS)
async def test_each_of_two_gets_what_it_gets_alone(name: str):
    make, compile = OPTIMIZERS[name]
    alone = [await run(make(), compile, Tenant(who)) for who in ("one", "two")]
    assert alone[0] != alone[1]
    optimizer = make()
    assert await asyncio.gather(*(run(optimizer, compile, Tenant(who)) for who in ("one", "two"))) == alone


# -- what is left on the optimizer ------------------------------------------------------------------------------------


async def test_a_compile_leaves_on_its_optimizer_what_upstream_leaves():
    tenant = Tenant("one")
    optimizer = dspy.BootstrapFewShot(metric=right, **few)
    given = tenant.trainset
    compiled = await optimizer.compile(tenant.settings, two_steps(tenant), **given)
    assert optimizer.student is compiled
    assert optimizer.trainset is given["trainset"]
    assert set(optimizer.name2traces) == {"draft", "answer.predict"}
    assert len(optimizer.validation) == 2


async def test_the_one_that_begins_first_leaves_what_is_found():
    optimizer = dspy.BootstrapFewShot(metric=right, **few)
    tenants = [Tenant("one"), Tenant("two")]
    trainsets = [each.trainset for each in tenants]
    compiled = await asyncio.gather(
        *(
            optimizer.compile(each.settings, two_steps(each), **given)
            for each, given in zip(tenants, trainsets, strict=True)
        )
    )
    assert optimizer.student is compiled[0]
    assert optimizer.trainset is trainsets[0]["trainset"]


class Budget:
    """What a user's optimizer lets its metric draw on: it knows the optimizer that it was made for."""

    def __init__(self, owner: Any) -> None:
        self.owner = owner

    def spend(self) -> bool:
        self.owner.left -= 1
        return True


class Thrifty(dspy.BootstrapFewShot):
    def __init__(self, left: int) -> None:
        super().__init__(metric=lambda example, prediction, trace=None: self.budget.spend(), **few)
        self.left = left
        self.budget = Budget(self)

    async def compile(self, settings, student, **kwargs):
        self.began_with = self.left
        return await super().compile(settings, student, **kwargs)


async def test_a_compile_works_on_the_optimizer_that_was_made():
    """What was made with the optimizer itself (a closure, a helper) sees what the compile sets, and the other way."""
    tenant = Tenant("one")
    optimizer = Thrifty(10)
    for began_with in (10, 8):
        await optimizer.compile(tenant.settings, two_steps(tenant), **tenant.trainset)
        assert (optimizer.began_with, optimizer.left) == (began_with, began_with - 2)


async def test_a_second_compile_goes_on_where_the_first_ended():
    """As upstream's does: generators are not wound back."""
    optimizer = dspy.InferRules(metric=right, num_candidates=1, num_threads=1, **few)
    rules = optimizer.rules_induction_program
    generator, first = rules.rng, rules.rng.getstate()
    await plainly(optimizer, Tenant("one"))
    second = generator.getstate()
    await plainly(optimizer, Tenant("one"))
    assert optimizer.rules_induction_program is rules and rules.rng is generator
    other = random.Random()
    other.setstate(first)
    drawn = [other.randint(0, 10**9) for _ in range(4)]
    assert first != second != generator.getstate() and len(set(drawn)) == 4
    assert generator.getstate() == other.getstate()


class Noting(dspy.teleprompt.Teleprompter):
    """An optimizer of a user's, which keeps what it does on itself."""

    def __init__(self) -> None:
        self.rng = random.Random(1)
        self.system = random.SystemRandom()
        self.report = self.tell
        self.waits = asyncio.Event()
        self.old = "there"

    def tell(self) -> Any:
        return self.student

    async def compile(self, settings, student, *, trainset, fail=False):
        self.student = student
        del self.old
        await self.waits.wait()
        if fail:
            raise LookupError("broken")
        return self.report(), self.rng.random()


class Stacked(Noting):
    async def compile(self, settings, student, **kwargs):
        self.outer = self
        found = await super().compile(settings, student, **kwargs)
        assert self.student == student
        return found


@pytest.mark.parametrize("cls", [Noting, Stacked])
@pytest.mark.parametrize("failing", ["a", "b"])
async def test_an_optimizer_of_the_user(cls: type[Any], failing: str):
    """Methods that it keeps on itself, generators and errors are those of the compile at hand."""
    optimizer = cls()
    tasks = [
        asyncio.ensure_future(optimizer.compile(dspy.Settings(), who, trainset=[], fail=who == failing))
        for who in "abc"
    ]
    await asyncio.sleep(0)
    assert optimizer.student == "a" and not hasattr(optimizer, "old")
    optimizer.waits.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    drawn = random.Random(1).random()
    for who, result in zip("abc", results, strict=True):
        assert isinstance(result, LookupError) if who == failing else result == (who, drawn)
    assert optimizer.student == "a" and not hasattr(optimizer, "old")
    assert optimizer.report.__self__ is optimizer
    assert not isolation._UNDER_WAY and not isolation._ORIGINALS


async def test_one_that_is_cancelled_leaves_the_optimizer_free():
    optimizer = Noting()
    tasks = [asyncio.ensure_future(optimizer.compile(dspy.Settings(), who, trainset=[])) for who in "ab"]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert not isolation._UNDER_WAY and not isolation._ORIGINALS
    optimizer.old = "there"
    optimizer.waits.set()
    await optimizer.compile(dspy.Settings(), "c", trainset=[])
    assert optimizer.student == "c"


async def test_what_is_set_meanwhile_stays():
    optimizer = Noting()
    task = asyncio.ensure_future(optimizer.compile(dspy.Settings(), "a", trainset=[]))
    await asyncio.sleep(0)
    optimizer.limit = 3
    optimizer.waits.set()
    await task
    assert optimizer.limit == 3


async def test_callbacks_are_told_of_the_optimizer_itself_once():
    seen: list[Any] = []

    class Handler(Recorder):
        async def on_compile_start(self, call_id, instance, settings, inputs):
            seen.append((instance, inputs))

    optimizer = Stacked()
    optimizer.waits.set()
    await optimizer.compile(dspy.Settings(callbacks=[Handler()]), "a", trainset=[])
    assert seen == [(optimizer, {"student": "a", "kwargs": {"trainset": []}})]


async def test_callbacks_of_a_compile_in_a_compile_are_told_of_the_optimizer_itself():
    told: list[Any] = []
    worked_on: list[Any] = []

    class Told(dspy.utils.callback.BaseCallback):
        def on_compile_start(self, call_id: str, instance: Any, settings: Any, inputs: Any) -> None:
            told.append(instance)

    class Optimizer(dspy.teleprompt.Teleprompter):
        async def compile(self, settings: Any, student: Any, *, trainset: Any, child: bool = False) -> Any:
            worked_on.append(self)
            self.seen = len(worked_on)
            if not child:
                return await asyncio.create_task(self.compile(settings, student, trainset=trainset, child=True))
            return student

    optimizer, student = Optimizer(), dspy.Predict("question -> answer")
    assert await optimizer.compile(dspy.Settings(callbacks=[Told()]), student, trainset=[]) is student
    assert len(told) == 2 and all(instance is optimizer for instance in told)
    assert worked_on == [optimizer, optimizer]
    assert optimizer.seen == 2


async def test_an_optimizer_without_settings_whose_compile_is_wrapped():
    def noted(fn: Any) -> Any:
        @functools.wraps(fn)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return fn(*args, **kwargs)

        return wrapper

    class Plain(dspy.teleprompt.Teleprompter):
        @noted
        def compile(self, student, *, trainset):
            return student, len(trainset)

    recorder = Recorder()
    assert await Plain().compile(dspy.Settings(callbacks=[recorder]), "a", trainset=[1]) == ("a", 1)
    assert recorder.names == ["compile start", "compile end"]


# -- programs that are traced -----------------------------------------------------------------------------------------


async def test_a_program_is_traced_by_two_and_called_by_a_third():
    one, two, three = Tenant("one"), Tenant("two"), Tenant("three")
    program = two_steps(one)
    traces = [bootstrap_trace_data(each.settings, program, each.trainset["trainset"], right) for each in (one, two)]
    first, second, called = await asyncio.gather(*traces, program(three.settings, question="q3"))
    assert [each["example"].question for each in first] == ["q0", "q1", "q2", "q3"]
    assert [each["example"].question for each in second] == [f"q{number}" for number in range(5, 11)]
    assert isinstance(called, dspy.Prediction)
    assert [step[0] for step in first[0]["trace"]] == [program.draft, program.answer.predict]
    assert "forward" not in vars(program)
    assert isinstance(await program(three.settings, question="q4"), dspy.Prediction)


async def test_it_is_the_program_itself_that_is_traced():
    """Callbacks are told of it, and what it keeps on itself is found afterwards."""
    told: list[Any] = []

    class Handler(Recorder):
        async def on_module_start(self, call_id, instance, settings, inputs):
            told.append(instance)

    class Counting(dspy.Module):
        def __init__(self) -> None:
            super().__init__()
            self.calls = 0

        async def forward(self, settings, question):
            self.calls += 1
            return dspy.Prediction(answer=question)

    program, tenant = Counting(), Tenant("one")
    settings = tenant.settings.context(callbacks=[Handler()])
    traced = await bootstrap_trace_data(settings, program, tenant.trainset["trainset"])
    assert [each["prediction"].answer for each in traced] == ["q0", "q1", "q2", "q3"]
    assert program.calls == 4 and told == [program] * 4


async def test_a_copy_of_a_program_that_is_being_traced_is_not_traced():
    copies: list[Any] = []

    class Copied(dspy.Module):
        async def forward(self, settings, question):
            copies.append(self.deepcopy())
            return dspy.Prediction(answer=question)

    tenant = Tenant("one")
    await bootstrap_trace_data(tenant.settings, Copied(), tenant.trainset["trainset"][:1])
    assert (await copies[0](tenant.settings, question="q")).answer == "q"
    assert "forward" not in vars(copies[0])


async def test_a_trace_that_fails_or_is_cancelled_leaves_the_program_as_it_was():
    class Stuck(dspy.Module):
        async def forward(self, settings, question):
            if question == "q0":
                raise LookupError("broken")
            await asyncio.Event().wait()

    tenant, program = Tenant("one"), Stuck()

    async def attempt(question: str) -> Any:
        with pytest.raises(LookupError):
            await program(tenant.settings, question=question)

    trainset = tenant.trainset["trainset"]
    settings = tenant.settings.context(max_errors=1)
    assert await bootstrap_trace_data(settings, program, trainset[:1], raise_on_error=False) == []
    await attempt("q0")
    task = asyncio.ensure_future(bootstrap_trace_data(tenant.settings, program, trainset[1:]))
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await attempt("q0")
