"""A thousand tasks on one loop share a program, and nothing else: no task sees a value of another one's settings.

Every value that could cross carries the name of its owner: what is asked and answered, the models, adapters, callbacks,
traces and usage trackers, and what tools are given and give. The tasks are made to meet in their first request, and
take turns at every other one, so that a value kept anywhere but in settings would be the wrong one.
"""

import asyncio
import json
import re
from collections import Counter
from types import SimpleNamespace
from typing import Any

import dspy
import pytest

from tests.generated.support import Recorder, fields

TENANTS = 1_000
OWNER = re.compile(r"tenant-\d{4}")
OUTER, ITEMS, NESTED = 5, 2, 1
"""Requests of one task to its own model, those of them made in parallel, and to the model of its nested settings."""


def owners(value: Any) -> set[str]:
    """Whose value it is, by the names in it."""
    return set(OWNER.findall(str(value)))


class Meeting:
    """Holds every task back until all of them are there."""

    def __init__(self, count: int) -> None:
        self.missing = count
        self.complete = asyncio.Event()

    async def wait(self) -> None:
        self.missing -= 1
        if not self.missing:
            self.complete.set()
        await self.complete.wait()


class Model(dspy.BaseLM):
    """Answers with its owner's name, and refuses what names somebody else."""

    def __init__(self, owner: str, number: int, meeting: Meeting, kind: str) -> None:
        super().__init__(model=f"{kind} of {owner}")
        self.owner, self.number, self.meeting, self.requests = owner, number, meeting, 0

    async def forward(self, settings: dspy.Settings, /, prompt=None, messages=None, **kwargs):
        self.requests += 1
        request = self.requests
        assert (settings.owner, settings.lm) == (self.owner, self), "handed the settings of somebody else"
        assert owners(messages) == {self.owner}, "asked what somebody else wants to know"
        if request == 1:
            await self.meeting.wait()
        for _ in range((7 * self.number + request) % 4):
            await asyncio.sleep(0)
        choice = SimpleNamespace(message=SimpleNamespace(content=self.answer(messages, request)), finish_reason="stop")
        usage = {"prompt_tokens": self.number, "completion_tokens": 1, "total_tokens": self.number + 1}
        return SimpleNamespace(choices=[choice], usage=usage, model=self.model)

    def answer(self, messages: list[dict[str, Any]], request: int) -> str:
        if "next_tool_name" in messages[-1]["content"]:
            arguments = json.dumps({"query": f"wish of {self.owner}"})
            return fields(next_thought=f"of {self.owner}", next_tool_name="search", next_tool_args=arguments)
        return fields(reasoning=f"of {self.owner}", answer=f"{self.model} says {request}")


class Adapter(dspy.ChatAdapter):
    """An adapter of one owner, that counts what it formats and parses."""

    def __init__(self, owner: str) -> None:
        super().__init__()
        self.owner, self.uses = owner, Counter[str]()

    async def format(self, settings, signature, demos, inputs):
        self._check(settings, "format", inputs)
        await asyncio.sleep(0)
        return await super().format(settings, signature, demos, inputs)

    async def parse(self, settings, signature, completion):
        self._check(settings, "parse", completion)
        await asyncio.sleep(0)
        return await super().parse(settings, signature, completion)

    def _check(self, settings: dspy.Settings, what: str, value: Any) -> None:
        assert (settings.owner, settings.adapter) == (self.owner, self)
        assert owners(value) == {self.owner}
        self.uses[what] += 1


async def search(settings: dspy.Settings, query: str) -> str:
    """A tool that takes settings."""
    await asyncio.sleep(0)
    return f"{settings.owner} found the {query} with {settings.lm.model}"


class Program(dspy.Module):
    """Predict, an agent with a tool, items in parallel, and a model of its own in nested settings."""

    def __init__(self) -> None:
        super().__init__()
        self.first = dspy.Predict("question -> answer")
        self.agent = dspy.ReAct("question -> answer", tools=[search], max_iters=1)
        self.parallel = dspy.Parallel(num_threads=2, disable_progress_bar=True)

    async def forward(self, settings: dspy.Settings, question: str) -> dspy.Prediction:
        first = await self.first(settings, question=question)
        agent = await self.agent(settings, question=f"{question} {first.answer}")
        pairs = [(self.first, {"question": f"{question} {number}"}) for number in range(ITEMS)]
        items = await self.parallel(settings, pairs)
        with settings.context(lm=settings.other, trace=[]) as inner:
            nested = await self.first(inner, question=f"{question} nested")
            inner_trace = inner.trace
        # The settings around are as they were, for this task and for all others.
        assert settings.lm.model == f"model of {settings.owner}" and settings.trace is not inner_trace
        return dspy.Prediction(
            answer=first.answer,
            trajectory=agent.trajectory,
            agent=agent.answer,
            parallel=[item.answer for item in items],
            nested=nested.answer,
            inner_trace=inner_trace,
        )


class Tenant:
    """What one task has for itself."""

    def __init__(self, number: int, meeting: Meeting) -> None:
        self.number, self.owner = number, f"tenant-{number:04}"
        self.lm = Model(self.owner, number, meeting, "model")
        self.other = Model(self.owner, number, SimpleNamespace(wait=lambda: asyncio.sleep(0)), "other model")
        self.adapter, self.recorder, self.trace = Adapter(self.owner), Recorder(), []
        self.settings = dspy.Settings(
            owner=self.owner,
            lm=self.lm,
            other=self.other,
            adapter=self.adapter,
            callbacks=[self.recorder],
            trace=self.trace,
        )

    async def run(self, program: Program) -> dspy.Prediction:
        with dspy.track_usage(self.settings) as self.usage:
            return await program(self.usage.settings, question=f"What does {self.owner} want?")

    def check(self, prediction: dspy.Prediction) -> None:
        """Everything that the task has left behind is its own, and is complete."""
        self._check_answers(prediction)
        assert (self.lm.requests, self.other.requests) == (OUTER, NESTED)
        assert [len(lm.history) for lm in (self.lm, self.other)] == [OUTER, NESTED]
        assert owners([self.lm.history, self.other.history]) == {self.owner}
        assert self.adapter.uses == {"format": OUTER + NESTED, "parse": OUTER + NESTED}
        self._check_trace(self.trace, OUTER)
        self._check_trace(prediction.inner_trace, NESTED)
        self._check_events()
        self._check_usage()

    def _check_answers(self, prediction: dspy.Prediction) -> None:
        assert owners(prediction) == {self.owner}
        assert prediction.answer == f"model of {self.owner} says 1"
        observation = prediction.trajectory["observation_0"]
        assert observation == f"{self.owner} found the wish of {self.owner} with model of {self.owner}"
        assert prediction.agent == f"model of {self.owner} says 3"
        assert sorted(prediction.parallel) == [f"model of {self.owner} says {request}" for request in (4, 5)]
        assert prediction.nested == f"other model of {self.owner} says 1"

    def _check_trace(self, trace: list[Any], count: int) -> None:
        assert len(trace) == count
        for _, inputs, output in trace:
            assert owners(inputs) == owners(output) == {self.owner}

    def _check_events(self) -> None:
        assert {settings.owner for settings in self.recorder.settings} == {self.owner}
        names = Counter(self.recorder.names)
        trackers = {id(settings.usage_tracker): settings.usage_tracker for settings in self.recorder.settings}
        assert id(self.usage) in trackers and len(trackers) == 1 + ITEMS
        for tracker in trackers.values():
            assert owners(dict(tracker.usage_data)) == {self.owner}
        assert names["lm start"] == names["lm end"] == OUTER + NESTED
        assert names["tool start"] == names["tool end"] == 1
        # The adapter's own method and the one that it extends, each.
        assert names["adapter_format end"] == names["adapter_parse end"] == 2 * (OUTER + NESTED)
        for name, value in self.recorder.events:
            assert not isinstance(value, BaseException), name
            # A module's inputs are its arguments; those of an LM, a tool and an adapter say more.
            assert owners(value) == {self.owner}, name

    def _check_usage(self) -> None:
        total = self.usage.get_total_tokens().items()
        found = {name: (spent["prompt_tokens"], spent["completion_tokens"]) for name, spent in total}
        # Items in parallel count in copies of the tracker, as upstream's do in their threads.
        counted = OUTER - ITEMS
        assert found == {
            f"model of {self.owner}": (counted * self.number, counted),
            f"other model of {self.owner}": (NESTED * self.number, NESTED),
        }


@pytest.mark.api("5.12", "5.13")
async def test_a_thousand_tasks_and_one_program():
    before = dspy.settings.copy()
    meeting, program = Meeting(TENANTS), Program()
    tenants = [Tenant(number, meeting) for number in range(TENANTS)]

    predictions = await asyncio.gather(*(tenant.run(program) for tenant in tenants))
    assert meeting.missing == 0, "the tasks did not run at the same time"

    for tenant, prediction in zip(tenants, predictions, strict=True):
        tenant.check(prediction)
    assert len({id(tenant.usage) for tenant in tenants}) == TENANTS
    assert dspy.settings.copy() == before, "the process's own settings were changed"
