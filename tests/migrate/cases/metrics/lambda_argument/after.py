import dspy


async def score(settings: dspy.Settings, program, devset):
    evaluate = dspy.Evaluate(devset=devset, metric=lambda example, prediction, trace=None: example.y == prediction.y)
    return await evaluate(settings, program)
