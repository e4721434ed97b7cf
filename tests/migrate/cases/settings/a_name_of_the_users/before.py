import dspy

from pydantic import BaseModel


class AppSettings(BaseModel):
    model: str = "openai/gpt-4o-mini"
    language: str = "en"


def translate(settings: AppSettings, text: str) -> str:
    program = dspy.Predict("text, language -> translation")
    return program(text=text, language=settings.language).translation


def start(settings: AppSettings) -> None:
    dspy.configure(lm=dspy.LM(settings.model))
