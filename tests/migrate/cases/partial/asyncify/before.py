import asyncio

import dspy

program = dspy.asyncify(dspy.ChainOfThought("question -> answer"))


async def ask_all(questions):
    return await asyncio.gather(*(program(question=each) for each in questions))


async def one(question):
    plain = dspy.Predict("question -> answer")
    return await dspy.asyncify(plain)(question=question)


async def threaded(question):
    plain = dspy.Predict("question -> answer")
    return await asyncio.to_thread(plain, question=question)
