import dspy
from dspy.evaluate import SemanticF1, answer_exact_match


def compare(program, devset):
    exact = dspy.Evaluate(devset=devset, metric=answer_exact_match)(program)
    fuzzy = dspy.Evaluate(devset=devset, metric=SemanticF1())(program)
    return exact.score, fuzzy.score


def single(example, prediction):
    return SemanticF1()(example, prediction)
