import dspy

from pydantic import BaseModel


class AppSettings(BaseModel):
    model: str = "openai/gpt-4o-mini"
    language: str = "en"


async def translate(dspy_settings: dspy.Settings, settings: AppSettings, text: str) -> str:
    program = dspy.Predict("text, language -> translation")
    return (await program(dspy_settings, text=text, language=settings.language)).translation


def start(settings: AppSettings) -> None:
    dspy.configure(lm=dspy.LM(settings.model))
