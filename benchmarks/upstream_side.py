"""What is measured of upstream's package: `python upstream_side.py MEASURE` prints one number.

Runs where upstream's DSPy is installed, and none of the toolchain.
"""

from __future__ import annotations

import asyncio
import tempfile
import time

from both_sides import (  # stands beside this file; it imports dspy, which is one of the measures
    Answering,
    dspy,
    examples,
    import_modules,  # noqa: F401 - a measure as well
    import_seconds,  # noqa: F401 - a measure as well
    load,
    measure,
    served,
)

LATENCY = load.LATENCY


class Scripted(Answering):
    """A model of upstream's, asked in a thread or awaited."""

    def forward(self, prompt=None, messages=None, **kwargs):
        if self.latency:
            time.sleep(self.latency)
        return self.answer_at_once(messages)

    async def aforward(self, prompt=None, messages=None, **kwargs):
        return await self.answer(messages)


def exact(example, prediction, trace=None):
    return prediction.answer == example.answer


def predict_acall():
    program = dspy.Predict("question -> answer")

    async def run(count):
        with dspy.context(lm=Scripted()):
            for _ in range(count):
                await program.acall(question="Where?")

    return load.cpu_us(lambda count: asyncio.run(run(count)))


def predict_sync():
    program = dspy.Predict("question -> answer")

    def run(count):
        with dspy.context(lm=Scripted()):
            for _ in range(count):
                program(question="Where?")

    return load.cpu_us(run)


def concurrent():
    program = dspy.Predict("question -> answer")

    async def run():
        with dspy.context(lm=Scripted(LATENCY)):
            await asyncio.gather(*[program.acall(question=f"Where {n}?") for n in range(load.CONCURRENT)])

    asyncio.run(run())
    return load.seconds(lambda: asyncio.run(run())) / LATENCY


def in_flight_memory():
    program = dspy.Predict("question -> answer")

    async def run():
        gate = asyncio.Event()
        lm = Scripted(gate=gate)
        with dspy.context(lm=lm, max_history_size=0):
            return await load.memory_in_flight(lambda: program.acall(question="Where?"), lambda: lm.waiting, gate)

    return asyncio.run(run())


def _evaluate(lm, count, threads):
    evaluate = dspy.Evaluate(devset=examples(count), metric=exact, num_threads=threads, display_progress=False)
    with dspy.context(lm=lm):
        result = evaluate(dspy.Predict("question -> answer"))
    assert result.score == 100.0, result.score


def evaluate():
    _evaluate(Scripted(), 50, 8)
    return load.seconds(lambda: _evaluate(Scripted(LATENCY), load.EXAMPLES, load.THREADS))


def evaluate_ideal():
    taken = evaluate()
    started = time.process_time()
    _evaluate(Scripted(), load.EXAMPLES, 1)
    return taken / (LATENCY * load.EXAMPLES / load.THREADS + time.process_time() - started)


def evaluate_http():
    _evaluate(served(), 20, 4)
    return load.seconds(lambda: _evaluate(served(), load.HTTP_EXAMPLES, load.HTTP_THREADS))


def stall():
    with tempfile.TemporaryDirectory() as folder:
        dspy.configure_cache(enable_disk_cache=True, enable_memory_cache=False, disk_cache_dir=folder)
        program, lm = dspy.Predict("question -> answer"), dspy.LM("openai/benchmark", api_base=load.URL, api_key="none")

        async def all_of_them():
            with dspy.context(lm=lm):
                return await asyncio.gather(*[program.acall(question=f"Where {n}?") for n in range(load.CACHED)])

        async def run():
            await all_of_them()
            return await load.p99_gap_ms(all_of_them())

        return asyncio.run(run())


def react():
    agent = dspy.ReAct("question -> answer", tools=[load.look], max_iters=load.STEPS + 1)

    async def run():
        with dspy.context(lm=Scripted(0.01, agent=True)):
            found = await asyncio.gather(*[agent.acall(question=f"Where {n}?") for n in range(load.AGENTS)])
        assert all(one.answer == "Paris" and len(one.trajectory) == 4 * (load.STEPS + 1) for one in found)

    return load.seconds(lambda: asyncio.run(run()))


def context_child():
    lm = Scripted()

    def run(count):
        for _ in range(count):
            with dspy.context(lm=lm):
                pass

    return load.cpu_us(run, load.CHILDREN)


if __name__ == "__main__":
    measure(globals())
