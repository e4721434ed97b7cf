import dspy
from dspy.evaluate import Evaluate


def exact(example, prediction, trace=None):
    return example.answer.lower() == prediction.answer.lower()


def score(program, devset):
    evaluate = Evaluate(devset=devset, metric=exact, num_threads=4, display_progress=False)
    return evaluate(program).score


def improve(program, trainset):
    optimizer = dspy.BootstrapFewShot(metric=exact, max_bootstrapped_demos=2)
    return optimizer.compile(program, trainset=trainset)
