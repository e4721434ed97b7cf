import asyncio

import dspy

qa = dspy.Predict("question -> answer")


async def ask_all(settings: dspy.Settings, questions):
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

    futures = {asyncio.create_task(limited(settings, qa, question=each)): each for each in questions}
    async for future in completed(futures):
        answers[futures[future]] = (await future).answer
    return answers
