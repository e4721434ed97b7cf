import dspy


def tools(names):
    made = []
    for name in names:
        made.append(dspy.Tool(lambda query, name=name: f"{name}: {query}", name=name))
    return made


def judge(field):
    program = dspy.Predict(f"{field} -> fine: bool")
    return lambda example, prediction, trace=None: program(**{field: prediction[field]}).fine


def run(student, devset):
    return dspy.Evaluate(devset=devset, metric=judge("answer"))(student)
