from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import dspy


def make() -> "dspy.Module":
    import dspy

    return dspy.Predict("question -> answer")


def ask(question, model):
    from dspy import LM, context

    program = make()
    with context(lm=LM(model)):
        return program(question=question)
