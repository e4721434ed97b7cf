import dspy

from config import Settings


def translate(settings: Settings, text: str) -> str:
    program = dspy.Predict("text, language -> translation")
    return program(text=text, language=settings.language).translation
