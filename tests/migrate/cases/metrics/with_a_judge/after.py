import dspy


class Assess(dspy.Signature):
    """Grade an answer."""

    question: str = dspy.InputField()
    answer: str = dspy.InputField()
    grade: int = dspy.OutputField(desc="from 1 to 5")


judge = dspy.ChainOfThought(Assess)


async def graded(settings: dspy.Settings, example, prediction, trace=None):
    """Between 0 and 1; for bootstrapping, whether the grade is good enough."""
    grade = clamp((await judge(settings, question=example.question, answer=prediction.answer)).grade)
    return grade >= 4 if trace is not None else grade / 5


def clamp(grade):
    return min(max(grade, 1), 5)


async def strict(settings: dspy.Settings, example, prediction, trace=None):
    return await graded(settings, example, prediction) == 1 and len(prediction.answer) < 100


async def check(settings: dspy.Settings, program, devset):
    return await dspy.Evaluate(devset=devset, metric=strict)(settings, program)
