import dspy
from dspy.evaluate import Evaluate


def exact(example, prediction, trace=None):
    return example.answer.lower() == prediction.answer.lower()


async def score(settings: dspy.Settings, program, devset):
    evaluate = Evaluate(devset=devset, metric=exact, num_threads=4, display_progress=False)
    return (await evaluate(settings, program)).score


async def improve(settings: dspy.Settings, program, trainset):
    optimizer = dspy.BootstrapFewShot(metric=exact, max_bootstrapped_demos=2)
    return await optimizer.compile(settings, program, trainset=trainset)
