"""The program of the package's own description, end to end: litellm, a socket, a model server."""

import asyncio
import json
import time

import dspy
import pytest

from tests.generated.support import Recorder, fields, lm_at, question_of
from tests.support.model_server import Answer, ModelServer, Request

CAPITALS = {"France": "Paris", "Italy": "Rome", "Spain": "Madrid"}


async def search(settings: dspy.Settings, query: str) -> list[str]:
    """Search the list of capitals."""
    assert isinstance(settings, dspy.Settings)
    await asyncio.sleep(0)
    return [f"{CAPITALS.get(query, 'nothing')} is what there is to know about {query}"]


async def exact(settings: dspy.Settings, example, prediction, trace=None) -> bool:
    assert isinstance(settings, dspy.Settings)
    await asyncio.sleep(0)
    return example.answer == prediction.answer


class QA(dspy.Module):
    def __init__(self):
        super().__init__()
        self.agent = dspy.ReAct("question -> answer", tools=[search])

    async def forward(self, settings: dspy.Settings, question: str):
        return await self.agent(settings, question=question)


def agent_model(request: Request) -> Answer:
    """Looks up the last word of the question, is content with what it found, and answers with the capital in it."""
    country = question_of(request).rstrip("?").split()[-1]
    if "[[ ## reasoning ## ]]" in request.last.rpartition("Respond with")[2]:
        found = [capital for capital in CAPITALS.values() if capital in request.last]
        return Answer(fields(reasoning="I read it", answer=found[0] if found else "nothing"))
    if "observation_0" not in request.last:
        arguments = json.dumps({"query": country})
        return Answer(fields(next_thought="look it up", next_tool_name="search", next_tool_args=arguments))
    return Answer(fields(next_thought="enough", next_tool_name="finish", next_tool_args="{}"))


def devset() -> list[dspy.Example]:
    return [
        dspy.Example(question=f"What is the capital of {country}?", answer=answer).with_inputs("question")
        for country, answer in [*CAPITALS.items(), ("Atlantis", "Poseidonis")]
    ]


async def test_a_program_with_a_tool(server: ModelServer):
    server.on(agent_model)
    settings = dspy.Settings(lm=lm_at(server, "big"))
    prediction = await QA()(settings, question="What is the capital of France?")
    assert prediction.answer == "Paris"
    assert prediction.trajectory["tool_name_0"] == "search"
    assert "Paris is what" in str(prediction.trajectory["observation_0"])
    assert prediction.trajectory["observation_1"] == "Completed."
    assert [request.model for request in server.requests] == ["big"] * 3


async def test_evaluated_with_another_model(server: ModelServer):
    server.on(agent_model)
    settings = dspy.Settings(lm=lm_at(server, "big"), num_threads=64)
    with settings.context(lm=lm_at(server, "small")) as cheaper:
        result = await dspy.Evaluate(devset=devset(), metric=exact)(cheaper, QA())
    assert result.score == 75.0
    assert [score for _, _, score in result.results] == [True, True, True, False]
    assert {request.model for request in server.requests} == {"small"}
    assert settings.lm.model == "openai/big" and settings.lm.history == []


async def test_optimized(server: ModelServer):
    server.on(agent_model)
    settings = dspy.Settings(lm=lm_at(server, "big"))
    optimizer = dspy.BootstrapFewShot(metric=exact, max_bootstrapped_demos=2, max_labeled_demos=0)
    optimized = await optimizer.compile(settings, QA(), trainset=devset())
    assert [len(predictor.demos) for predictor in optimized.predictors()] == [2, 2]
    before = len(server.requests)
    prediction = await optimized(settings, question="What is the capital of Spain?")
    assert prediction.answer == "Madrid"
    # The demos are in the prompt: system, two turns each, and the question.
    assert len(server.requests[before].messages) == 1 + 2 * 2 + 1


async def test_items_run_at_once(server: ModelServer):
    server.latency = 0.1
    server.together = 16
    server.on(agent_model)
    settings = dspy.Settings(lm=lm_at(server), num_threads=64)
    started = time.monotonic()
    result = await dspy.Evaluate(devset=devset() * 8, metric=exact)(settings, QA())
    assert result.score == 75.0
    assert server.most_at_once >= 16
    assert time.monotonic() - started < 32 * 3 * 0.1 / 2


@pytest.mark.api("5.1")
@pytest.mark.parametrize("threads", [1, 3])
async def test_num_threads_limits_the_requests(server: ModelServer, threads: int):
    server.latency = 0.2
    server.on(agent_model)
    settings = dspy.Settings(lm=lm_at(server), num_threads=threads)
    await dspy.Evaluate(devset=devset(), metric=exact)(settings, QA())
    assert server.most_at_once == threads


class Tagging(dspy.ChatAdapter):
    """Puts its own mark into each prompt, so that a prompt made by another adapter is seen."""

    def __init__(self, mark: str, **kwargs):
        super().__init__(**kwargs)
        self.mark = mark

    async def format(self, settings, signature, demos, inputs):
        messages = await super().format(settings, signature, demos, inputs)
        messages[0]["content"] += f"\nMARK {self.mark}"
        return messages


@pytest.mark.api("5.12", "5.13")
@pytest.mark.parametrize("shared_program", [True, False])
async def test_two_tenants_at_once(server: ModelServer, shared_program: bool):
    """Different models, adapters, callbacks, traces in one loop, on one program object or two: nothing crosses over."""
    server.latency = 0.01
    server.on(agent_model)
    tenants = []
    for name in ("red", "blue"):
        recorder = Recorder()
        settings = dspy.Settings(
            lm=lm_at(server, name), adapter=Tagging(name), callbacks=[recorder], trace=[], track_usage=True
        )
        tenants.append((name, settings, recorder))
    program = QA()

    async def work(settings):
        return [
            await (program if shared_program else QA())(settings, question=f"What is the capital of {country}?")
            for country in CAPITALS
        ]

    both = await asyncio.gather(*(work(settings) for _, settings, _ in tenants))
    assert [[prediction.answer for prediction in found] for found in both] == [list(CAPITALS.values())] * 2
    assert server.most_at_once == 2
    for (name, settings, recorder), predictions in zip(tenants, both, strict=True):
        requests = server.to(name)
        assert len(requests) == 9
        assert all(request.messages[0]["content"].endswith(f"MARK {name}") for request in requests)
        assert len(settings.lm.history) == 9 and len(settings.trace) == 9
        assert recorder.names.count("lm start") == recorder.names.count("lm end") == 9
        assert recorder.names.count("tool start") == 6
        assert all(each.lm is settings.lm for each in recorder.settings)
        for prediction in predictions:
            (usage,) = prediction.get_lm_usage().items()
            assert usage[0] == f"openai/{name}"
            # Three requests of eleven and seven tokens.
            assert (usage[1]["prompt_tokens"], usage[1]["completion_tokens"]) == (33, 21)
    assert dspy.settings.lm is None
