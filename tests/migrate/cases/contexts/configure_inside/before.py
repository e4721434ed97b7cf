import dspy

program = dspy.Predict("question -> answer")


def switch(models, question):
    answers = []
    for model in models:
        dspy.configure(lm=model)
        answers.append(program(question=question).answer)
    dspy.settings.configure(lm=models[0], temperature=0.0)
    return answers
