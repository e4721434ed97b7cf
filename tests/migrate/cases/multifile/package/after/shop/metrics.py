import dspy

from . import judging


async def polite(settings: dspy.Settings, example, prediction, trace=None):
    return await judging.verdict(settings, prediction.reply) == "polite"


async def evaluate(settings: dspy.Settings, agent, devset):
    return (await dspy.Evaluate(devset=devset, metric=polite)(settings, agent)).score
