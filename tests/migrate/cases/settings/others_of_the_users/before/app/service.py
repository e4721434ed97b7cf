from dspy import Predict, context, settings as dspy_default
from fastapi import FastAPI

from .config import Config, settings

app = FastAPI()
qa = Predict("question -> answer")


def ask(question: str) -> str:
    return qa(question=question, k=settings.top).answer


def model_name(question):
    if settings.top > 3:
        return dspy_default.lm.model
    return ask(question)


def helper(question, settings: Config):
    with context(lm=None):
        return ask(question) + settings.model


@app.get("/")
def index(question: str):
    return helper(question, settings)


def both(questions):
    return [ask(question + settings.model) for question in questions]


class Asker:
    def __init__(self, settings):
        self.settings = settings

    def ask(self, question):
        return ask(question)

    def settings_of(self, settings):
        return settings.top
