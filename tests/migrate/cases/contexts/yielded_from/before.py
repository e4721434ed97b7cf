import contextlib

import dspy


@contextlib.contextmanager
def cheap():
    """Uses the cheap model inside the block."""
    with dspy.context(lm=dspy.LM("openai/gpt-4o-mini")):
        yield


def ask(question):
    with cheap():
        return dspy.Predict("question -> answer")(question=question)
