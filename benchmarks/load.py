"""What both sides have in common: answers, sizes, and how time and memory are taken. Knows nothing of DSPy."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace

CALLS = 1500
CONCURRENT = 1000
IN_FLIGHT = 10_000
LATENCY = 0.1
EXAMPLES = 2000
THREADS = 256
HTTP_EXAMPLES = 1000
HTTP_THREADS = 128
CACHED = 500
AGENTS = 200
STEPS = 5
CHILDREN = 20_000

ANSWER = "[[ ## answer ## ]]\nParis\n\n[[ ## completed ## ]]\n"
URL = os.environ.get("BENCHMARK_URL", "")
"""Of the server that `server.py` runs."""


def response(text: str = ANSWER) -> SimpleNamespace:
    """An answer in the form of OpenAI's client."""
    message = SimpleNamespace(content=text, tool_calls=None)
    return SimpleNamespace(
        choices=[SimpleNamespace(message=message, finish_reason="stop")],
        usage={"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
        model="benchmark",
    )


def step(messages: list[dict[str, object]]) -> str:
    """What an agent's LM says: `STEPS` tool calls, then that it has finished, then the answer.

    How far the agent is can be told from its trajectory, which is in the last message.
    """
    last = str(messages[-1]["content"])
    if "next_tool_name" not in last:
        return ANSWER.replace("[[ ## answer", "[[ ## reasoning ## ]]\nIt is.\n\n[[ ## answer")
    done = last.count("[[ ## observation_")
    tool = "look" if done < STEPS else "finish"
    arguments = '{"place": "Paris"}' if tool == "look" else "{}"
    return (
        f"[[ ## next_thought ## ]]\nOn.\n\n[[ ## next_tool_name ## ]]\n{tool}\n\n"
        f"[[ ## next_tool_args ## ]]\n{arguments}\n\n[[ ## completed ## ]]\n"
    )


def cpu_us(run: Callable[[int], object], count: int = CALLS) -> float:
    """Microseconds of CPU of this process for each of `count` calls, after a few that warm up."""
    run(50)
    gc.collect()
    started = time.process_time()
    run(count)
    return (time.process_time() - started) / count * 1e6


def seconds(run: Callable[[], object]) -> float:
    """Wall time."""
    gc.collect()
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def resident_kib() -> float:
    """Memory of this process that is in use, in KiB."""
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
        return float(line.split()[1])
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


async def memory_in_flight(start: Callable[[], Awaitable[object]], waiting: Callable[[], int], gate: asyncio.Event):
    """KiB for each of `IN_FLIGHT` calls, all of which wait for `gate` in their LM when it is taken."""
    gc.collect()
    before = resident_kib()
    tasks = [asyncio.ensure_future(start()) for _ in range(IN_FLIGHT)]
    while waiting() < IN_FLIGHT:
        await asyncio.sleep(0.01)
    gc.collect()
    used = resident_kib() - before
    gate.set()
    await asyncio.gather(*tasks)
    return used / IN_FLIGHT


async def p99_gap_ms(work: Awaitable[object]) -> float:
    """The 99th percentile, in ms, of how late a 1 ms ticker is while the work is done."""
    gaps: list[float] = []
    gc.collect()  # else what came before is collected in the middle, or not: it takes longer than any gap
    done = asyncio.ensure_future(work)
    while not done.done():
        before = time.perf_counter()
        await asyncio.sleep(0.001)
        gaps.append((time.perf_counter() - before - 0.001) * 1000)
    await done
    gaps.sort()
    return gaps[int(len(gaps) * 0.99)] if len(gaps) > 1 else gaps[0]


async def look(place: str) -> str:
    """Look at a place."""
    return f"{place} is there."
