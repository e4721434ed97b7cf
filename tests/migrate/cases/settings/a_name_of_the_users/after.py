import dspy

from pydantic import BaseModel


class AppSettings(BaseModel):
    model: str = "openai/gpt-4o-mini"
    language: str = "en"


async def translate(settings: dspy.Settings, config: AppSettings, text: str) -> str:
    program = dspy.Predict("text, language -> translation")
    return (await program(settings, text=text, language=config.language)).translation


def start(settings: AppSettings) -> None:
    dspy.configure(lm=make(settings))


def make(settings: AppSettings) -> dspy.LM:
    return dspy.LM(settings.model)


async def run(settings: dspy.Settings, text: str) -> str:
    config = AppSettings()
    with settings.context(lm=make(config)) as inner_settings:
        return await translate(inner_settings, config, text)
