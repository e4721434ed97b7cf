import contextlib

import dspy


def ask(question, lm=None):
    with contextlib.ExitStack() as stack:
        if lm is not None:
            stack.enter_context(dspy.context(lm=lm))
        return dspy.Predict("question -> answer")(question=question)
