import dspy

from eval.metrics import first_word, normalized


def run(program, devset):
    for example in devset:
        example.answer = normalized(example.answer)
    return dspy.Evaluate(devset=devset, metric=first_word)(program)
