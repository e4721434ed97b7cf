from contextlib import asynccontextmanager

import dspy


@asynccontextmanager
async def primed(settings: dspy.Settings, program, question):
    """A program that has seen a question."""
    await program(settings, question=question)
    try:
        yield program
    finally:
        program.reset()


async def use(settings: dspy.Settings, program):
    async with primed(settings, program, "first?") as ready:
        return await ready(settings, question="second?")
