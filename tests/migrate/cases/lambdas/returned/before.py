import dspy


def judge(field):
    program = dspy.Predict(f"{field} -> fine: bool")
    return lambda example, prediction, trace=None: program(**{field: prediction[field]}).fine


def run(student, devset):
    return dspy.Evaluate(devset=devset, metric=judge("answer"))(student)


def plain(field):
    return lambda example: example[field]
