import dspy

program = dspy.Predict("question -> answer")


async def ask(settings: dspy.Settings, question, lm):
    block = settings.context(lm=lm)
    with block as inner_settings:
        return await program(inner_settings, question=question)
