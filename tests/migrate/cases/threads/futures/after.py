import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import dspy

qa = dspy.Predict("question -> answer")
lock = threading.Lock()


async def ask(settings: dspy.Settings, question):
    return (await qa(settings, question=question)).answer


async def keyed(settings: dspy.Settings, questions):
    answers = {}
    limit = asyncio.Semaphore(32)

    async def limited(settings: dspy.Settings, /, function, *args, **kwargs):
        async with limit:
            return await function(settings, *args, **kwargs)

    async def completed(waiting):
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                yield task

    # all of them
    futures = {asyncio.create_task(limited(settings, qa, question=each)): each for each in questions}
    async for future in completed(futures):
        question = futures[future]
        try:
            answers[question] = (await future).answer
        except ValueError:
            answers[question] = None
    return answers


async def keyed_later(settings: dspy.Settings, questions):
    futures = {}
    limit = asyncio.Semaphore(4)

    async def limited(settings: dspy.Settings, /, function, *args, **kwargs):
        async with limit:
            return await function(settings, *args, **kwargs)

    async def completed(waiting):
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                yield task

    for number, each in enumerate(questions):
        futures[asyncio.create_task(limited(settings, ask, each))] = number
    found = [(futures[f], await f) async for f in completed(futures)]
    return sorted(found)


async def valued(settings: dspy.Settings, questions):
    limit = asyncio.Semaphore(4)

    async def limited(settings: dspy.Settings, /, function, *args, **kwargs):
        async with limit:
            return await function(settings, *args, **kwargs)

    futures = {each: asyncio.create_task(limited(settings, ask, each)) for each in questions}
    return {each: await future for each, future in futures.items()}


async def without_with(settings: dspy.Settings, questions):
    limit = asyncio.Semaphore(3)

    async def limited(settings: dspy.Settings, /, function, *args, **kwargs):
        async with limit:
            return await function(settings, *args, **kwargs)

    futures = [asyncio.create_task(limited(settings, ask, each)) for each in questions]
    found = [await future for future in futures]
    return found


async def dropped(settings: dspy.Settings, questions, found):
    async def note(settings: dspy.Settings, question):
        found.append(await ask(settings, question))

    limit = asyncio.Semaphore(3)
    tasks = []

    async def limited(settings: dspy.Settings, /, function, *args, **kwargs):
        async with limit:
            return await function(settings, *args, **kwargs)

    for each in questions:
        tasks.append(asyncio.create_task(limited(settings, note, each)))
    await asyncio.gather(*tasks, return_exceptions=True)
    return found


async def waited(settings: dspy.Settings, questions):
    limit = asyncio.Semaphore(32)

    async def limited(settings: dspy.Settings, /, function, *args, **kwargs):
        async with limit:
            return await function(settings, *args, **kwargs)

    futures = [asyncio.create_task(limited(settings, ask, each)) for each in questions]
    await asyncio.gather(*futures, return_exceptions=True)
    return [await future for future in futures]


async def pair(settings: dspy.Settings, first, second):
    limit = asyncio.Semaphore(2)

    async def limited(settings: dspy.Settings, /, function, *args, **kwargs):
        async with limit:
            return await function(settings, *args, **kwargs)

    one = asyncio.create_task(limited(settings, ask, first))
    two = asyncio.create_task(limited(settings, ask, second))
    return await one, await two


async def two_kinds(settings: dspy.Settings, first, second):
    limit = asyncio.Semaphore(2)

    async def limited(settings: dspy.Settings, /, function, *args, **kwargs):
        async with limit:
            return await function(settings, *args, **kwargs)

    futures = []
    futures.append(asyncio.create_task(limited(settings, ask, first)))
    futures.append(asyncio.create_task(limited(settings, ask, second)))
    for future in futures:
        print(await future)


def with_timeout(questions):
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(ask, each) for each in questions]
        return [future.result(timeout=3) for future in futures]


async def locked(settings: dspy.Settings, question):
    with lock:
        return await qa(settings, question=question)


def of_locked(questions):
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(locked, questions))


class Service:
    def __init__(self):
        self.pool = ThreadPoolExecutor(2)

    def go(self, question):
        return self.pool.submit(ask, question).result()


async def main():
    limit = asyncio.Semaphore(32)

    async def limited(settings: dspy.Settings, /, function, *args, **kwargs):
        async with limit:
            return await function(settings, *args, **kwargs)

    async def completed(waiting):
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                yield task

    futures = {asyncio.create_task(limited(dspy.settings, ask, each)): each for each in ["a", "b"]}
    async for future in completed(futures):
        print(futures[future], await future)


if __name__ == "__main__":
    asyncio.run(main())
