import dspy

judge = dspy.Predict("answer -> fine: bool")


async def score(settings: dspy.Settings, program, devset):
    async def metric(settings: dspy.Settings, example, prediction, trace=None):
        return (await judge(settings, answer=prediction.answer)).fine

    evaluate = dspy.Evaluate(
        devset=devset,
        metric=metric,  # a model decides
        num_threads=4,
    )
    return await evaluate(settings, program)


async def train(settings: dspy.Settings, student, trainset):
    """Bootstraps."""

    async def metric(settings: dspy.Settings, e, p, trace=None):
        return (await judge(settings, answer=p.answer)).fine

    return await dspy.BootstrapFewShot(metric=metric).compile(
        settings, student, trainset=trainset
    )
