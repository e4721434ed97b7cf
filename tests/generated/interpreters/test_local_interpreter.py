"""LocalInterpreter, in releases that have it: a worker process on the event loop, and tools of the host."""

from __future__ import annotations

import asyncio
import time

import dspy
import pytest

local_interpreter = pytest.importorskip(
    "dspy.primitives.local_interpreter", reason="releases before 3.4 have no LocalInterpreter"
)
SETTINGS = dspy.Settings()


async def test_tools_and_state():
    async def add(settings: dspy.Settings, x: int) -> int:
        await asyncio.sleep(0)
        return x + settings.step

    async with local_interpreter.LocalInterpreter(tools={"add": add}) as interpreter:
        assert await interpreter.execute(SETTINGS.context(step=2), "x = add(x=1)\nprint(x)") == "3\n"
        assert await interpreter.execute(SETTINGS, "print(x)") == "3\n"


async def test_cancelling_a_run_ends_it_while_the_loop_goes_on():
    async with local_interpreter.LocalInterpreter() as interpreter:
        running = asyncio.create_task(interpreter.execute(SETTINGS, "import time; time.sleep(60)"))
        started = time.monotonic()
        while interpreter._process is None:
            await asyncio.sleep(0.01)
        process = interpreter._process
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert process.poll() is not None
        assert time.monotonic() - started < 30
