import asyncio

import dspy

qa = dspy.Predict("question -> answer")


async def ask_all(questions):
    return await asyncio.gather(*[qa.acall(question=each) for each in questions])


def answers(questions):
    return [each.answer for each in asyncio.run(ask_all(questions))]
