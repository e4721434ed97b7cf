import asyncio

import dspy

answer = dspy.Predict("question -> answer")


async def fetch(url):
    await asyncio.sleep(0)
    return url


def page(url):
    return asyncio.run(fetch(url))


def title(url):
    return asyncio.run(fetch(url)).title()


def ask(question, url):
    return answer(question=question, page=page(url))


async def model():
    return dspy.settings.lm


def model_name():
    return asyncio.run(model()).model
