import dspy

program = dspy.Predict("question -> answer")


def ask(question, lm):
    block = dspy.context(lm=lm)
    with block:
        return program(question=question)
