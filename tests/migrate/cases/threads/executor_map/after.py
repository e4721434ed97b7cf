import asyncio

import dspy

qa = dspy.Predict("question -> answer")


async def ask(settings: dspy.Settings, question):
    return (await qa(settings, question=question)).answer


async def ask_all(settings: dspy.Settings, questions):
    limit = asyncio.Semaphore(8)

    async def limited(settings: dspy.Settings, each):
        async with limit:
            return await ask(settings, each)

    return await asyncio.gather(*(limited(settings, each) for each in questions))
