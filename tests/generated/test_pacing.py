"""Section 5 of the contract: where calls of models are many at once, each has a turn of the loop, and nothing else has.

Here a model begins to answer when a call reaches it, and answers when the test says so.
"""

import asyncio

import dspy
import pytest

from tests.generated.support import Recorder, echo, fields, lm_at
from tests.generated.test_custom_lm import response
from tests.support.model_server import ModelServer

COUNT = 20


class Held(dspy.BaseLM):
    """Answers all that asked when it is let go."""

    def __init__(self):
        super().__init__(model="held")
        self.asked: list[str] = []
        self.gate = asyncio.Event()

    async def forward(self, settings, prompt=None, messages=None, **kwargs):
        self.asked.append(messages[-1]["content"].split("]]\n")[1].split("\n")[0] if messages else prompt)
        await self.gate.wait()
        return response(fields(answer="yes"))


class Program(dspy.Module):
    """Notes when it begins, and asks."""

    def __init__(self):
        super().__init__()
        self.begun: list[str] = []
        self.ask = dspy.Predict("question -> answer")

    async def forward(self, settings, question):
        self.begun.append(question)
        return await self.ask(settings, question=question)


QUESTIONS = [f"q{number}" for number in range(COUNT)]


async def turns_until(condition) -> int:
    turns = 0
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0)
            turns += 1
    return turns


async def test_prompts_are_formatted_in_turns():
    lm, program = Held(), Program()
    settings = dspy.Settings(lm=lm)
    calls = asyncio.gather(*(program(settings, question=each) for each in QUESTIONS))
    assert await turns_until(lambda: len(lm.asked) == COUNT) >= COUNT - 1
    assert lm.asked == program.begun == QUESTIONS
    lm.gate.set()
    assert {each.answer for each in await calls} == {"yes"}


async def test_modules_tools_and_metrics_begin_at_once():
    """And whatever else is awaited, while calls of models have their turns."""

    async def look(settings, place: str) -> str:
        """Look."""
        tools.append(place)
        await lm.gate.wait()
        return place

    async def metric(settings, example, prediction, trace=None):
        scored.append(example.question)
        await lm.gate.wait()
        return True

    class Known(dspy.Module):
        async def forward(self, settings, question):
            return dspy.Prediction(answer=question)

    lm, program, tools, scored = Held(), Program(), [], []
    recorder = Recorder()
    settings = dspy.Settings(lm=lm, callbacks=[recorder])
    tool = dspy.Tool(look)
    devset = [dspy.Example(question=each).with_inputs("question") for each in QUESTIONS]
    evaluate = dspy.Evaluate(devset=devset, metric=metric, num_threads=COUNT, display_progress=False)
    calls = asyncio.gather(
        *(program(settings, question=each) for each in QUESTIONS),
        *(tool(settings, place=each) for each in QUESTIONS),
        *(evaluate(settings, Known()) for _ in range(2)),
    )
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(lm.asked) < 5
    assert program.begun == tools == QUESTIONS
    assert recorder.names.count("evaluate start") == 2
    await turns_until(lambda: len(scored) == 2 * COUNT)
    assert len(lm.asked) < COUNT / 2
    lm.gate.set()
    await calls


async def test_a_compile_begins_at_once():
    """Not after others have changed what it is handed, its optimizer say."""

    class Optimizer(dspy.teleprompt.Teleprompter):
        def __init__(self):
            super().__init__()
            self.number = 0

        async def compile(self, settings, student, *, trainset, **kwargs):
            seen.append(self.number)
            self.number += 1
            return student

    lm, program, seen = Held(), Program(), []
    settings = dspy.Settings(lm=lm)
    calls = asyncio.gather(*(program(settings, question=each) for each in QUESTIONS))
    optimizers = [Optimizer() for _ in range(3)]
    compiles = asyncio.gather(*(each.compile(settings, program, trainset=[]) for each in optimizers))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert seen == [0, 0, 0] and len(lm.asked) < 5
    lm.gate.set()
    await asyncio.gather(calls, compiles)


async def test_formatting_and_parsing_alone_have_no_turns():
    lm, program, adapter = Held(), Program(), dspy.ChatAdapter()
    settings, signature = dspy.Settings(lm=lm), dspy.Signature("question -> answer")
    calls = asyncio.gather(*(program(settings, question=each) for each in QUESTIONS))
    work = asyncio.gather(
        *(adapter.format(settings, signature, [], {"question": each}) for each in QUESTIONS),
        *(adapter.parse(settings, signature, fields(answer=each)) for each in QUESTIONS),
    )
    assert await turns_until(work.done) < 5
    assert len(lm.asked) < COUNT / 2
    lm.gate.set()
    await calls


async def test_a_model_that_answers_at_once_changes_nothing():
    """Each program runs from its start to its end before the next, as it does where nothing waits."""

    class AtOnce(Held):
        async def forward(self, settings, prompt=None, messages=None, **kwargs):
            self.gate.set()
            return await super().forward(settings, prompt, messages, **kwargs)

    class Twice(Program):
        async def forward(self, settings, question):
            await super().forward(settings, question)
            await super().forward(settings, question)
            self.begun.append("end")

    lm, program = AtOnce(), Twice()
    settings = dspy.Settings(lm=lm)
    calls = asyncio.gather(*(program(settings, question=each) for each in QUESTIONS))
    assert await turns_until(calls.done) < 10
    assert program.begun == [step for each in QUESTIONS for step in (each, each, "end")]


@pytest.mark.api("5.14")
async def test_cached_answers_have_turns(server: ModelServer):
    server.on(echo())
    settings = dspy.Settings(lm=lm_at(server, cache=True))
    predict = dspy.Predict("question -> answer")
    await predict(settings, question="Where?")
    calls = asyncio.gather(*(predict(settings, question="Where?") for _ in range(COUNT)))
    assert await turns_until(calls.done) >= COUNT
    assert {each.answer for each in await calls} == {"Where?"} and len(server.requests) == 1


async def test_calls_that_are_given_up_hold_nobody_up():
    lm, program = Held(), Program()
    settings = dspy.Settings(lm=lm)
    calls = [asyncio.ensure_future(program(settings, question=each)) for each in QUESTIONS]
    await asyncio.sleep(0)
    for call in calls[5:15]:
        call.cancel()
    lm.gate.set()
    await asyncio.gather(*calls, return_exceptions=True)
    assert lm.asked == QUESTIONS[:5] + QUESTIONS[15:]
    assert [call.cancelled() for call in calls].count(True) == 10
    assert asyncio.all_tasks() == {asyncio.current_task()}
