import asyncio

import dspy

answer = dspy.Predict("question -> answer")


async def fetch(url):
    await asyncio.sleep(0)
    return url


async def page(url):
    return await fetch(url)


def title(url):
    return asyncio.run(fetch(url)).title()


async def ask(settings: dspy.Settings, question, url):
    return await answer(settings, question=question, page=await page(url))


async def model(settings: dspy.Settings):
    return settings.lm


def model_name(settings: dspy.Settings):
    return asyncio.run(model(settings)).model
