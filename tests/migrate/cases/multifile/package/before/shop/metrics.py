import dspy

from . import judging


def polite(example, prediction, trace=None):
    return judging.verdict(prediction.reply) == "polite"


def evaluate(agent, devset):
    return dspy.Evaluate(devset=devset, metric=polite)(agent).score
