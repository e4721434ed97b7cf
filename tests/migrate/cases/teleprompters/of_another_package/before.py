import dspy
from arbor import ArborGRPO


def run(trainset):
    program = dspy.ChainOfThought("q -> a")
    compiler = ArborGRPO(metric=lambda e, p, t=None: 1)
    regex = __import__("re").compile("x")
    return compiler.compile(student=program, trainset=trainset), regex
