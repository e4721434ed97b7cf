"""What both sides do alike: they import their DSPy and take the time, make examples and a model, and run one measure.

`dspy` is whichever package is installed where this runs.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping

started = time.process_time()
import dspy  # noqa: E402 - its import is one of the measures

IMPORT_SECONDS = time.process_time() - started
IMPORT_MODULES = len(sys.modules)

import load  # noqa: E402 - stands beside this file


class Answering(dspy.BaseLM):
    """Answers after a while, or when a gate opens; how it waits is each side's own."""

    def __init__(self, latency: float = 0.0, gate: asyncio.Event | None = None, agent: bool = False) -> None:
        super().__init__(model="benchmark")
        self.latency, self.gate, self.agent, self.waiting = latency, gate, agent, 0

    async def answer(self, messages):
        """The answer to the messages, once the gate is open or the latency over."""
        self.waiting += 1
        if self.gate is not None:
            await self.gate.wait()
        elif self.latency:
            await asyncio.sleep(self.latency)
        return self.answer_at_once(messages)

    def answer_at_once(self, messages):
        """The answer to the messages."""
        return load.response(load.step(messages)) if self.agent else load.response()


def examples(count):
    """That many questions, all with the same answer."""
    return [dspy.Example(question=f"Where {n}?", answer="Paris").with_inputs("question") for n in range(count)]


def served():
    """A model behind the server of the benchmarks."""
    return dspy.LM("openai/benchmark", api_base=load.URL, api_key="none", cache=False)


def import_seconds():
    """Processor time of `import dspy`, in seconds."""
    return IMPORT_SECONDS


def import_modules():
    """How many modules there are behind `import dspy`."""
    return IMPORT_MODULES


def measure(measures: Mapping[str, object]) -> None:
    """Print the number of the measure that the command line names."""
    named = measures[sys.argv[1]]
    assert callable(named)
    print(float(named()))
