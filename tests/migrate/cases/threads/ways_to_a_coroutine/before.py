import asyncio
from concurrent.futures import ThreadPoolExecutor

import anyio.from_thread
import dspy
import httpx
from asgiref.sync import async_to_sync
from asyncer import syncify

answer = dspy.Predict("question -> answer")


async def serve(question):
    return (await answer.acall(question=question)).answer


async def fetch(url):
    async with httpx.AsyncClient() as client:
        return await client.get(url)


def run_async(coroutine):
    """Wait for it, whether a loop runs or not."""
    try:
        loop = asyncio.get_event_loop()
    except RuntimeError:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
    return loop.run_until_complete(coroutine)


def in_a_thread(question):
    async def ask():
        return await serve(question)

    def run():
        return asyncio.run(ask())

    with ThreadPoolExecutor(max_workers=1) as pool:
        future = pool.submit(run)
        return future.result()


def first(question):
    return run_async(serve(question))


def second(question):
    return async_to_sync(serve)(question), syncify(answer.acall)(question=question).answer


def third(question):
    for _ in range(2):
        found = anyio.from_thread.run(serve, question)
    return found


def page(url):
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    return loop.run_until_complete(fetch(url))


def other(url):
    return syncify(fetch)(url)
