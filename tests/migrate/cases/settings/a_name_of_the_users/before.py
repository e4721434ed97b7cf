import dspy

from pydantic import BaseModel


class AppSettings(BaseModel):
    model: str = "openai/gpt-4o-mini"
    language: str = "en"


def translate(config: AppSettings, text: str) -> str:
    program = dspy.Predict("text, language -> translation")
    return program(text=text, language=config.language).translation


def start(settings: AppSettings) -> None:
    dspy.configure(lm=make(settings))


def make(settings: AppSettings) -> dspy.LM:
    return dspy.LM(settings.model)


def run(text: str) -> str:
    config = AppSettings()
    with dspy.context(lm=make(config)):
        return translate(config, text)
