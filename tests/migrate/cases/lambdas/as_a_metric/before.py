import dspy

judge = dspy.Predict("answer -> fine: bool")


def score(program, devset):
    evaluate = dspy.Evaluate(
        devset=devset,
        metric=lambda example, prediction, trace=None: judge(answer=prediction.answer).fine,  # a model decides
        num_threads=4,
    )
    return evaluate(program)


def train(student, trainset):
    """Bootstraps."""
    return dspy.BootstrapFewShot(metric=lambda e, p, trace=None: judge(answer=p.answer).fine).compile(
        student, trainset=trainset
    )
