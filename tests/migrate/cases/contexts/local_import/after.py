from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import dspy


def make() -> "dspy.Module":
    import dspy

    return dspy.Predict("question -> answer")


async def ask(settings, question, model):
    from dspy import LM

    program = make()
    with settings.context(lm=LM(model)) as inner_settings:
        return await program(inner_settings, question=question)
