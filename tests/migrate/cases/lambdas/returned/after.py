import dspy


def judge(field):
    program = dspy.Predict(f"{field} -> fine: bool")

    async def awaited(settings: dspy.Settings, example, prediction, trace=None):
        return (await program(settings, **{field: prediction[field]})).fine

    return awaited


async def run(settings: dspy.Settings, student, devset):
    return await dspy.Evaluate(devset=devset, metric=judge("answer"))(settings, student)


def plain(field):
    return lambda example: example[field]
