"""Section 5 of the contract: a cancelled call ends within a second, and nothing goes on behind it.

Each call here is stopped in the middle, where it waits for a model, a tool or a worker thread. GEPA and the
interpreters, whose threads and processes are their own, have tests like these in `optimizers/` and `interpreters/`.
"""

import asyncio
import gc
import json
import multiprocessing
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dspy
import pytest

from tests.generated.support import fields

LIMIT = 1.0
"""Seconds that a cancelled call may take to end."""


def threads() -> set[threading.Thread]:
    """Threads, but for idle ones of a loop's default executor and the one that tqdm starts for all bars."""
    return {thread for thread in threading.enumerate() if not thread.name.startswith(("asyncio_", "tqdm_monitor"))}


def children() -> set[int]:
    """Processes that this one has started and not waited for, as far as the system tells."""
    known = {child.pid for child in multiprocessing.active_children() if child.pid is not None}
    listed = (file.read_text().split() for file in Path("/proc/self/task").glob("*/children"))
    return known.union(int(number) for numbers in listed for number in numbers)


class Gate:
    """Where a program waits for ever, from the call `opens` on; it counts who waits and who was cancelled."""

    def __init__(self, opens: int = 0, expected: int = 1) -> None:
        self.opens, self.expected = opens, expected
        self.calls = self.waiting = self.cancelled = 0
        self.reached = asyncio.Event()
        self.released = asyncio.Event()

    async def pass_through(self) -> None:
        self.calls += 1
        if self.calls <= self.opens or self.released.is_set():
            return
        self.waiting += 1
        if self.waiting == self.expected:
            self.reached.set()
        try:
            await self.released.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


class Model(dspy.BaseLM):
    """Answers every field it is asked for, once the gate has let it pass."""

    def __init__(self, gate: Gate | None = None, tool: str = "finish") -> None:
        super().__init__(model="gated")
        self.gate, self.tool = gate or Gate(opens=10**6), tool

    async def forward(self, settings, /, prompt=None, messages=None, **kwargs):
        await self.gate.pass_through()
        if "next_tool_name" in messages[-1]["content"]:
            answer = fields(next_thought="t", next_tool_name=self.tool, next_tool_args=json.dumps({}))
        else:
            answer = fields(reasoning="r", answer="a")
        choice = SimpleNamespace(message=SimpleNamespace(content=answer), finish_reason="stop")
        return SimpleNamespace(choices=[choice], usage={}, model=self.model)


@asynccontextmanager
async def nothing_left() -> AsyncIterator[None]:
    """No task, thread or process is there at the end that was not at the start."""
    before = asyncio.all_tasks(), threads(), children()
    yield
    gc.collect()
    assert asyncio.all_tasks() <= before[0]
    assert threads() <= before[1]
    assert children() <= before[2]


async def cancel(work: Any, gate: Gate) -> None:
    """Cancels a call when as many as expected wait at the gate. It and all of them end in time."""
    async with nothing_left():
        task = asyncio.ensure_future(work)
        await asyncio.wait_for(gate.reached.wait(), 20)
        calls = gate.calls
        started = time.monotonic()
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=5)
        seconds = time.monotonic() - started
        if not done:
            gate.released.set()  # a call that keeps its cancellation to itself must not hold up the end of the test
        assert done and task.cancelled(), "the call did not end by its cancellation"
        assert seconds < LIMIT
        assert gate.cancelled == gate.waiting == gate.expected
    await asyncio.sleep(0.05)
    assert gate.calls == calls, "something went on behind the call"


async def test_the_net_itself():
    """What is left behind is seen, of each kind."""
    release = threading.Event()
    process = None
    thread = threading.Thread(target=release.wait)
    task = None
    try:
        with pytest.raises(AssertionError):
            async with nothing_left():
                task = asyncio.ensure_future(asyncio.sleep(600))
        with pytest.raises(AssertionError):
            async with nothing_left():
                thread.start()
        with pytest.raises(AssertionError):
            async with nothing_left():
                process = await asyncio.create_subprocess_exec(sys.executable, "-c", "import time; time.sleep(600)")
    finally:
        release.set()
        thread.join()
        if task is not None:
            task.cancel()
        if process is not None:
            process.kill()
            await process.wait()


def devset(count: int = 8) -> list[dspy.Example]:
    return [dspy.Example(question=f"q{number}", answer="a").with_inputs("question") for number in range(count)]


async def exact(settings, example, prediction, trace=None):
    return example.answer == prediction.answer


def predict() -> dspy.Predict:
    return dspy.Predict("question -> answer")


def pairs(count: int = 8) -> list[tuple[Any, dict[str, str]]]:
    return [(predict(), {"question": f"q{number}"}) for number in range(count)]


def gated(gate: Gate, *, returns: Any = 0.0) -> Callable[..., Any]:
    """A metric or reward function that waits at the gate."""

    async def function(settings, *args):
        await gate.pass_through()
        return returns

    return function


class TestEvaluate:
    """`dspy.Evaluate`."""

    @pytest.mark.api("5.9", "5.10")
    @pytest.mark.parametrize("bar", [False, True])
    @pytest.mark.parametrize(("num_threads", "opens"), [(1, 0), (1, 3), (4, 0), (4, 3)])
    async def test_in_its_program(self, num_threads: int, opens: int, bar: bool):
        gate = Gate(opens, expected=num_threads)
        evaluate = dspy.Evaluate(devset=devset(), metric=exact, num_threads=num_threads, display_progress=bar)
        await cancel(evaluate(dspy.Settings(lm=Model(gate)), predict()), gate)

    async def test_in_its_metric(self):
        gate = Gate(opens=2, expected=3)
        evaluate = dspy.Evaluate(devset=devset(), metric=gated(gate), num_threads=3)
        await cancel(evaluate(dspy.Settings(lm=Model()), predict()), gate)

    async def test_in_an_agent_of_its(self):
        gate = Gate(expected=2)

        async def search(settings) -> str:
            """Waits."""
            await gate.pass_through()
            return ""

        program = dspy.ReAct("question -> answer", tools=[search])
        evaluate = dspy.Evaluate(devset=devset(), metric=exact, num_threads=2)
        await cancel(evaluate(dspy.Settings(lm=Model(tool="search")), program), gate)


class TestReAct:
    """`dspy.ReAct`."""

    @pytest.mark.parametrize("opens", [0, 1])
    async def test_in_its_model(self, opens: int):
        gate = Gate(opens)
        agent = dspy.ReAct("question -> answer", tools=[])
        await cancel(agent(dspy.Settings(lm=Model(gate)), question="?"), gate)

    @pytest.mark.api("5.9", "5.10")
    async def test_in_its_tool(self):
        gate = Gate(opens=1)

        async def search(settings) -> str:
            """Waits when it is called again."""
            await gate.pass_through()
            return ""

        agent = dspy.ReAct("question -> answer", tools=[search])
        await cancel(agent(dspy.Settings(lm=Model(tool="search")), question="?"), gate)

    @pytest.mark.api("5.10")
    async def test_in_a_tool_that_has_a_process(self):
        gate = Gate()

        async def run(settings) -> str:
            """Runs a process, and ends it when it is told to."""
            process = await asyncio.create_subprocess_exec(sys.executable, "-c", "import time; time.sleep(600)")
            assert process.pid in children()
            try:
                await gate.pass_through()
            finally:
                process.kill()
                await process.wait()
            return ""

        agent = dspy.ReAct("question -> answer", tools=[run])
        await cancel(agent(dspy.Settings(lm=Model(tool="run")), question="?"), gate)

    @pytest.mark.api("5.10")
    async def test_in_a_blocking_tool(self):
        """A worker thread cannot be cancelled: the call ends all the same, and the thread with what it does."""
        gate, release, loop = Gate(), threading.Event(), asyncio.get_running_loop()
        before = threads()

        def search() -> str:
            """Blocks."""
            loop.call_soon_threadsafe(gate.reached.set)
            release.wait(20)
            return ""

        agent = dspy.ReAct("question -> answer", tools=[dspy.asyncify(search)])
        model = Model(tool="search")
        task = asyncio.ensure_future(agent(dspy.Settings(lm=model), question="?"))
        await asyncio.wait_for(gate.reached.wait(), 20)
        task.cancel()
        started = time.monotonic()
        try:
            done, _ = await asyncio.wait([task], timeout=10)
            assert done and task.cancelled() and time.monotonic() - started < LIMIT
        finally:
            release.set()
        await asyncio.sleep(0.1)
        assert model.gate.calls == 1
        # The worker is idle now, like one of the default executor's.
        assert {thread for thread in threads() - before if "worker" not in thread.name.lower()} == set()


class TestParallel:
    """`dspy.Parallel` and `Module.batch`."""

    @pytest.mark.api("5.9", "5.10")
    @pytest.mark.parametrize("quiet", [False, True])
    @pytest.mark.parametrize("opens", [0, 3])
    async def test_items(self, opens: int, quiet: bool):
        gate = Gate(opens, expected=3)
        parallel = dspy.Parallel(num_threads=3, disable_progress_bar=quiet)
        await cancel(parallel(dspy.Settings(lm=Model(gate)), pairs()), gate)
        assert parallel.exceptions == [] and parallel.failed_examples == []

    async def test_stragglers(self):
        """Items that were started again are cancelled in both their tries."""
        gate = Gate(opens=6, expected=4)
        parallel = dspy.Parallel(num_threads=8, timeout=1, straggler_limit=3, disable_progress_bar=True)
        await cancel(parallel(dspy.Settings(lm=Model(gate)), pairs(8)), gate)

    async def test_in_one_another(self):
        gate = Gate(expected=6)
        inner = dspy.Parallel(num_threads=3, disable_progress_bar=True)
        outer = dspy.Parallel(num_threads=2, disable_progress_bar=True)
        work = outer(dspy.Settings(lm=Model(gate)), [(inner, pairs()), (inner, pairs())])
        await cancel(work, gate)

    @pytest.mark.parametrize("opens", [0, 3])
    async def test_batch(self, opens: int):
        gate = Gate(opens, expected=2)
        work = predict().batch(dspy.Settings(lm=Model(gate)), devset(), num_threads=2, disable_progress_bar=True)
        await cancel(work, gate)


class TestBestOfN:
    """`dspy.BestOfN`: a cancelled try is no failed one."""

    @pytest.mark.parametrize("opens", [0, 2])
    async def test_in_a_try(self, opens: int):
        gate = Gate(opens)
        best = dspy.BestOfN(predict(), N=5, reward_fn=gated(Gate(opens=99)), threshold=1.0)
        await cancel(best(dspy.Settings(lm=Model(gate)), question="?"), gate)

    async def test_in_its_reward_function(self):
        gate = Gate(opens=1)
        best = dspy.BestOfN(predict(), N=5, reward_fn=gated(gate), threshold=1.0)
        await cancel(best(dspy.Settings(lm=Model()), question="?"), gate)


class TestBootstrapFewShot:
    """`dspy.BootstrapFewShot.compile`: what was cancelled is no failed example."""

    @pytest.mark.api("5.9", "5.10")
    @pytest.mark.parametrize("opens", [0, 2])
    async def test_in_its_teacher(self, opens: int):
        gate = Gate(opens)
        optimizer = dspy.BootstrapFewShot(metric=exact, max_bootstrapped_demos=8)
        await cancel(optimizer.compile(dspy.Settings(lm=Model(gate)), predict(), trainset=devset()), gate)
        assert optimizer.error_count == 0

    async def test_in_its_metric(self):
        gate = Gate(opens=2)
        optimizer = dspy.BootstrapFewShot(metric=gated(gate, returns=True), max_bootstrapped_demos=8)
        await cancel(optimizer.compile(dspy.Settings(lm=Model()), predict(), trainset=devset()), gate)
        assert optimizer.error_count == 0


async def drained(stream: AsyncIterator[Any]) -> list[Any]:
    return [value async for value in stream]


class Status(dspy.streaming.StatusMessageProvider):
    """Says what the program does."""

    def lm_start_status_message(self, instance, inputs):
        return "asks"


class TestStream:
    """`dspy.streamify`: the reader is cancelled, or leaves, while the program waits."""

    @pytest.mark.api("5.9", "5.10")
    @pytest.mark.parametrize("opens", [0, 1])
    @pytest.mark.parametrize("messages", [None, Status()])
    async def test_the_reader_is_cancelled(self, opens: int, messages: Any):
        gate = Gate(opens)
        program = dspy.ReAct("question -> answer", tools=[])
        stream = dspy.streamify(program, status_message_provider=messages)
        await cancel(drained(stream(dspy.Settings(lm=Model(gate)), question="?")), gate)

    async def test_the_reader_leaves(self):
        gate = Gate(opens=1)
        stream = dspy.streamify(dspy.ReAct("question -> answer", tools=[]), status_message_provider=Status())
        async with nothing_left():
            messages = stream(dspy.Settings(lm=Model(gate)), question="?")
            assert isinstance(await anext(messages), dspy.streaming.StatusMessage)
            await anext(messages)
            started = time.monotonic()
            await messages.aclose()
            assert time.monotonic() - started < LIMIT
        assert gate.cancelled == gate.waiting

    async def test_one_of_several_readers(self):
        """The others read on."""
        stream = dspy.streamify(predict())
        gate, settings = Gate(), dspy.Settings(lm=Model())
        async with nothing_left():
            others = [asyncio.ensure_future(drained(stream(settings, question=f"{n}"))) for n in range(3)]
            await cancel(drained(stream(dspy.Settings(lm=Model(gate)), question="?")), gate)
            for values in await asyncio.gather(*others):
                assert values[-1].answer == "a"
