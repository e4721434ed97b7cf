import asyncio
import dspy
import httpx
from asyncer import syncify

answer = dspy.Predict("question -> answer")


async def serve(settings: dspy.Settings, question):
    return (await answer.acall(settings, question=question)).answer


async def fetch(url):
    async with httpx.AsyncClient() as client:
        return await client.get(url)


async def run_async(coroutine):
    """Wait for it, whether a loop runs or not."""
    return await coroutine


async def in_a_thread(settings: dspy.Settings, question):
    async def ask(settings: dspy.Settings):
        return await serve(settings, question)

    return await ask(settings)


async def first(settings: dspy.Settings, question):
    return await run_async(serve(settings, question))


async def second(settings: dspy.Settings, question):
    return await serve(settings, question), (await answer.acall(settings, question=question)).answer


async def third(settings: dspy.Settings, question):
    for _ in range(2):
        found = await serve(settings, question)
    return found


def page(url):
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    return loop.run_until_complete(fetch(url))


def other(url):
    return syncify(fetch)(url)
