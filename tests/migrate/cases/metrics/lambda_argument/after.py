import dspy


async def score(settings: dspy.Settings, program, devset):
    async def metric(settings: dspy.Settings, example, prediction, trace=None):
        return example.y == prediction.y

    evaluate = dspy.Evaluate(devset=devset, metric=metric)
    return await evaluate(settings, program)
