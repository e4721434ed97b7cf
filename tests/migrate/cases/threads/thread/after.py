import asyncio

import dspy

qa = dspy.Predict("question -> answer")
results = []


async def work(settings: dspy.Settings, question):
    results.append((await qa(settings, question=question)).answer)


async def run(settings: dspy.Settings, questions):
    threads = [asyncio.create_task(work(settings, each)) for each in questions]
    for thread in threads:
        await asyncio.wait([thread])
    return results
