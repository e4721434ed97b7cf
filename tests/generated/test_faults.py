"""A server that fails on demand, met through litellm: errors as upstream's, and nothing lost among many requests."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import dspy
import pytest

from tests.generated import faulty
from tests.generated.sides import AsyncSide, fields
from tests.generated.support import lm_at, question_of
from tests.generated.test_cancellation import nothing_left
from tests.support.model_server import Answer, Failure, ModelServer, Request

REPOSITORY = Path(__file__).resolve().parents[2]


async def on_upstream(upstream_folder: Path, url: str) -> dict[str, dict[str, list[str]]]:
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "tests.generated.faulty", url],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(upstream_folder), str(REPOSITORY)])},
        cwd=upstream_folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.mark.api("4.9")
@pytest.mark.timeout(600)
async def test_each_fault_is_told_as_upstream_tells_it(server: ModelServer, upstream_folder: Path):
    faulty.serve(server)
    ours = await faulty.outcomes(AsyncSide(dspy), server.url)
    theirs = await on_upstream(upstream_folder, server.url)
    # In every word as its async method, since the words are those of litellm's async client.
    assert {name: (mine, theirs["async"][name]) for name, mine in ours.items() if mine != theirs["async"][name]} == {}
    # In class as its sync method, but where litellm's two clients do not agree on what a connection is.
    other = {name for name, mine in ours.items() if mine[:-1] != theirs["sync"][name][:-1]}
    assert other <= {"responses cut"}
    assert len(ours) == len(faulty.KINDS) * len(faulty.FAULTS)
    assert all("LMError" in outcome for outcome in ours.values()), "no fault is taken for an answer"


@pytest.mark.parametrize("fault", ["cut", "malformed"])
async def test_a_stream_that_breaks_is_an_error_and_leaves_nothing(server: ModelServer, fault: Any):
    server.on(Answer(fields(answer="one two three four"), fault=fault))
    settings = dspy.Settings(lm=lm_at(server))
    await dspy.Predict("question -> answer").acall(settings.context(lm=lm_at_once()), question="warm")
    stream = dspy.streamify(dspy.Predict("question -> answer"))
    async with nothing_left():
        with pytest.raises(BaseException) as caught:
            async for _ in stream(settings, question="?"):
                pass
        errors = [caught.value]
        while isinstance(errors[-1], BaseExceptionGroup):
            errors.append(errors[-1].exceptions[0])
        assert isinstance(errors[-1], dspy.LMError | dspy.AdapterParseError), errors
    await asyncio.sleep(0.05)


def lm_at_once() -> Any:
    return AsyncSide(dspy).lm([fields(answer="a")])


async def test_a_huge_answer_arrives_whole(server: ModelServer):
    text = "x\u00e9 " * 3_000_000
    server.on(lambda request: Answer(fields(answer=text)))
    prediction = await dspy.Predict("question -> answer")(dspy.Settings(lm=lm_at(server)), question="?")
    assert prediction.answer == text.strip()


FAILING = ("500", "429", "cut", "malformed", "dropped")


@pytest.mark.api("5.1", "5.3", "5.7")
@pytest.mark.timeout(900)
async def test_nothing_is_lost_or_done_twice_among_faults(
    server: ModelServer, upstream_folder: Path, pytestconfig: pytest.Config
):
    """Every tenth request fails. 5,000 with 500 in flight in the nightly profile, and else a tenth of that."""
    nightly = pytestconfig.getoption("--hypothesis-profile") == "nightly"
    count, at_once = (5_000, 500) if nightly else (500, 50)

    def fault_of(number: int) -> str | None:
        return FAILING[number // 10 % len(FAILING)] if number % 10 == 3 else None

    def answer(request: Request) -> Answer | Failure:
        if "fault: " in request.last and "question ##" not in request.last:
            return faulty.FAULTS[faulty.name_of(request)]
        question = question_of(request)
        fault = fault_of(int(question))
        return faulty.FAULTS[fault] if fault else Answer(fields(answer=question), delay=0.05)

    server.on(answer)
    as_upstream = {name: (await _error_of(server, name)) for name in FAILING}
    server.requests.clear()
    server.together = at_once // 2 + 1
    data = [dspy.Example(question=str(n), answer=str(n)).with_inputs("question") for n in range(count)]
    predict = dspy.Predict("question -> answer")
    settings = dspy.Settings(lm=lm_at(server, timeout=60), max_errors=count)
    wrong = {n for n in range(count) if fault_of(n)}

    def exact(example: Any, prediction: Any, trace: Any = None) -> bool:
        return example.answer == prediction.answer

    result = await dspy.Evaluate(devset=data, metric=exact, num_threads=at_once)(settings, predict)
    assert [example.question for example, _, _ in result.results] == [str(n) for n in range(count)]
    assert {n for n, (_, _, score) in enumerate(result.results) if not score} == wrong
    assert result.score == 90.0
    assert Counter(question_of(request) for request in server.requests) == {str(n): 1 for n in range(count)}
    assert server.most_at_once <= at_once
    assert server.most_at_once > at_once // 2

    server.requests.clear()
    pairs = [(predict, {"question": example.question}) for example in data]
    parallel = dspy.Parallel(num_threads=at_once, return_failed_examples=True, disable_progress_bar=True)
    results, failed, errors = await parallel(settings, pairs)
    assert [n for n, found in enumerate(results) if found is None] == sorted(wrong)
    assert all(found.answer == str(n) for n, found in enumerate(results) if found is not None)
    numbers = [int(inputs["question"]) for inputs in failed]
    assert sorted(numbers) == sorted(wrong) and len(errors) == len(failed)
    for number, error in zip(numbers, errors, strict=True):
        assert type(error).__name__ == as_upstream[str(fault_of(number))], number
    assert Counter(question_of(request) for request in server.requests) == {str(n): 1 for n in range(count)}


async def _error_of(server: ModelServer, fault: str) -> str:
    """The class that one request alone raises: `test_each_fault_is_told_as_upstream_tells_it` compares it."""
    with pytest.raises(dspy.LMError) as caught:
        await lm_at(server)(dspy.Settings(), f"fault: {fault}")
    return type(caught.value).__name__
