import dspy

qa = dspy.Predict("question -> answer")


async def ask(settings: dspy.Settings, question):
    return (await qa(settings, question=question)).answer


async def compare(settings: dspy.Settings, question, models):
    answers = {}
    for name, model in models.items():
        with settings.context(lm=model, cache=False) as inner_settings:

            async def again(settings: dspy.Settings, times):
                return [await ask(settings, question) for _ in range(times)]

            answers[name] = await again(inner_settings, 2)
    answers["default"] = await ask(settings, question)
    return answers
