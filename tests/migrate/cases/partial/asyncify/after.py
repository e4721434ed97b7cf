import asyncio

import dspy

program = dspy.ChainOfThought("question -> answer")


async def ask_all(settings: dspy.Settings, questions):
    return await asyncio.gather(*(program(settings, question=each) for each in questions))


async def one(settings: dspy.Settings, question):
    plain = dspy.Predict("question -> answer")
    return await plain(settings, question=question)


async def threaded(settings: dspy.Settings, question):
    plain = dspy.Predict("question -> answer")
    return await plain(settings, question=question)
