import dspy


def score(program, devset):
    evaluate = dspy.Evaluate(devset=devset, metric=lambda example, prediction, trace=None: example.y == prediction.y)
    return evaluate(program)
