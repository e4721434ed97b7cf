import dspy


class Assess(dspy.Signature):
    """Grade an answer."""

    question: str = dspy.InputField()
    answer: str = dspy.InputField()
    grade: int = dspy.OutputField(desc="from 1 to 5")


judge = dspy.ChainOfThought(Assess)


def graded(example, prediction, trace=None):
    """Between 0 and 1; for bootstrapping, whether the grade is good enough."""
    grade = clamp(judge(question=example.question, answer=prediction.answer).grade)
    return grade >= 4 if trace is not None else grade / 5


def clamp(grade):
    return min(max(grade, 1), 5)


def strict(example, prediction, trace=None):
    return graded(example, prediction) == 1 and len(prediction.answer) < 100


def check(program, devset):
    return dspy.Evaluate(devset=devset, metric=strict)(program)
