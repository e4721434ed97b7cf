import contextlib

import dspy


async def ask(settings: dspy.Settings, question, lm=None):
    with contextlib.ExitStack() as stack:
        if lm is not None:
            stack.enter_context(settings.context(lm=lm))
        return await dspy.Predict("question -> answer")(settings, question=question)
