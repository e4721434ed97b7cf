import dspy
from dspy import Predict
from fastapi import FastAPI

from .config import Config, settings

app = FastAPI()
qa = Predict("question -> answer")


async def ask(dspy_settings: dspy.Settings, question: str) -> str:
    return (await qa(dspy_settings, question=question, k=settings.top)).answer


async def model_name(dspy_settings: dspy.Settings, question):
    if settings.top > 3:
        return dspy_settings.lm.model
    return await ask(dspy_settings, question)


async def helper(dspy_settings: dspy.Settings, question, settings: Config):
    with dspy_settings.context(lm=None) as inner_settings:
        return await ask(inner_settings, question) + settings.model


@app.get("/")
async def index(question: str):
    return await helper(dspy.settings, question, settings)


async def both(dspy_settings: dspy.Settings, questions):
    return [await ask(dspy_settings, question + settings.model) for question in questions]


class Asker:
    def __init__(self, settings):
        self.settings = settings

    async def ask(self, settings, question):
        return await ask(settings, question)

    def settings_of(self, settings):
        return settings.top
