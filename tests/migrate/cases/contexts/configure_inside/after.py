import dspy

program = dspy.Predict("question -> answer")


async def switch(settings: dspy.Settings, models, question):
    answers = []
    for model in models:
        dspy.configure(lm=model)
        answers.append((await program(settings, question=question)).answer)
    dspy.settings.configure(lm=models[0], temperature=0.0)
    return answers
