import contextlib

import dspy


@contextlib.contextmanager
def cheap(settings: dspy.Settings):
    """Uses the cheap model inside the block."""
    with settings.context(lm=dspy.LM("openai/gpt-4o-mini")) as inner_settings:
        yield


async def ask(settings: dspy.Settings, question):
    with cheap(settings):
        return await dspy.Predict("question -> answer")(settings, question=question)
