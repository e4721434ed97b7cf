import asyncio

import dspy

qa = dspy.Predict("question -> answer")


async def ask_all(settings: dspy.Settings, questions):
    return await asyncio.gather(*[qa.acall(settings, question=each) for each in questions])


async def answers(settings: dspy.Settings, questions):
    return [each.answer for each in await ask_all(settings, questions)]
