import dspy

from config import Settings


async def translate(dspy_settings: dspy.Settings, settings: Settings, text: str) -> str:
    program = dspy.Predict("text, language -> translation")
    return (await program(dspy_settings, text=text, language=settings.language)).translation
