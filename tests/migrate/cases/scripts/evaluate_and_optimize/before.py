"""Evaluate."""
import argparse
import sys

import dspy
from dspy.evaluate import Evaluate
from dspy.teleprompt import BootstrapFewShotWithRandomSearch, MIPROv2


class Judge(dspy.Signature):
    """Judge."""

    answer: str = dspy.InputField()
    ok: bool = dspy.OutputField()


judge = dspy.Predict(Judge)


def metric(example, pred, trace=None):
    score = dspy.evaluate.answer_exact_match(example, pred) or judge(answer=pred.answer).ok
    if trace is not None:
        return score >= 1
    return score


def build(args):
    lm = dspy.LM(args.model, temperature=args.temperature)
    dspy.configure(lm=lm, track_usage=True)
    return dspy.ChainOfThought("question -> answer")


def load(path):
    return [dspy.Example(question=l, answer="x").with_inputs("question") for l in open(path)]


def main(argv=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="openai/gpt-4o-mini")
    parser.add_argument("--temperature", type=float, default=0.0)
    parser.add_argument("--data")
    args = parser.parse_args(argv)
    program = build(args)
    devset = load(args.data)
    evaluate = Evaluate(devset=devset, metric=metric, num_threads=8, display_progress=True)
    print(evaluate(program))
    optimizer = MIPROv2(metric=metric, auto="light")
    better = optimizer.compile(program, trainset=devset, requires_permission_to_run=False)
    better.save("better.json")
    print(evaluate(better).score)
    print(f"usage {better(question='x').get_lm_usage()}")
    best = max((evaluate(p).score, name) for name, p in [("a", program), ("b", better)])
    scores = {n: evaluate(p).score for n, p in zip("ab", (program, better))}
    return 0 if best else 1


if __name__ == "__main__":
    sys.exit(main())
