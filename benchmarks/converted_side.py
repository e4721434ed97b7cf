"""What is measured of the generated package: `python converted_side.py MEASURE` prints one number.

Runs where that is the installed DSPy, and none of the toolchain. The same work as in upstream_side.py.
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
    """A model of the async package."""

    async def forward(self, settings, prompt=None, messages=None, **kwargs):
        return await self.answer(messages)


async def exact(settings, example, prediction, trace=None):
    return prediction.answer == example.answer


def predict_acall():
    program, settings = dspy.Predict("question -> answer"), dspy.Settings(lm=Scripted())

    async def run(count):
        for _ in range(count):
            await program(settings, question="Where?")

    return load.cpu_us(lambda count: asyncio.run(run(count)))


predict_sync = predict_acall


def concurrent():
    program, settings = dspy.Predict("question -> answer"), dspy.Settings(lm=Scripted(LATENCY))

    async def run():
        await asyncio.gather(*[program(settings, question=f"Where {n}?") for n in range(load.CONCURRENT)])

    asyncio.run(run())
    return load.seconds(lambda: asyncio.run(run())) / LATENCY


def in_flight_memory():
    program = dspy.Predict("question -> answer")

    async def run():
        gate = asyncio.Event()
        lm = Scripted(gate=gate)
        settings = dspy.Settings(lm=lm, max_history_size=0)
        return await load.memory_in_flight(lambda: program(settings, question="Where?"), lambda: lm.waiting, gate)

    return asyncio.run(run())


async def _evaluate(lm, count, threads):
    evaluate = dspy.Evaluate(devset=examples(count), metric=exact, num_threads=threads, display_progress=False)
    result = await evaluate(dspy.Settings(lm=lm), dspy.Predict("question -> answer"))
    assert result.score == 100.0, result.score


def evaluate():
    asyncio.run(_evaluate(Scripted(), 50, 8))
    return load.seconds(lambda: asyncio.run(_evaluate(Scripted(LATENCY), load.EXAMPLES, load.THREADS)))


def evaluate_ideal():
    taken = evaluate()
    started = time.process_time()
    asyncio.run(_evaluate(Scripted(), load.EXAMPLES, 1))
    return taken / (LATENCY * load.EXAMPLES / load.THREADS + time.process_time() - started)


def evaluate_http():
    async def run():
        await _evaluate(served(), 20, 4)
        before = time.perf_counter()
        await _evaluate(served(), load.HTTP_EXAMPLES, load.HTTP_THREADS)
        return time.perf_counter() - before

    return asyncio.run(run())


def stall():
    with tempfile.TemporaryDirectory() as folder:
        dspy.configure_cache(enable_disk_cache=True, enable_memory_cache=False, disk_cache_dir=folder)
        program = dspy.Predict("question -> answer")
        settings = dspy.Settings(lm=dspy.LM("openai/benchmark", api_base=load.URL, api_key="none"))

        async def all_of_them():
            return await asyncio.gather(*[program(settings, question=f"Where {n}?") for n in range(load.CACHED)])

        async def run():
            await all_of_them()
            return await load.p99_gap_ms(all_of_them())

        return asyncio.run(run())


def react():
    agent = dspy.ReAct("question -> answer", tools=[load.look], max_iters=load.STEPS + 1)
    settings = dspy.Settings(lm=Scripted(0.01, agent=True))

    async def run():
        found = await asyncio.gather(*[agent(settings, question=f"Where {n}?") for n in range(load.AGENTS)])
        assert all(one.answer == "Paris" and len(one.trajectory) == 4 * (load.STEPS + 1) for one in found)

    return load.seconds(lambda: asyncio.run(run()))


def context_child():
    settings, lm = dspy.Settings(), Scripted()

    def run(count):
        for _ in range(count):
            with settings.context(lm=lm):
                pass

    return load.cpu_us(run, load.CHILDREN)


if __name__ == "__main__":
    measure(globals())
