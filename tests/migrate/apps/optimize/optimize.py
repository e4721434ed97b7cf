"""Evaluates a program, optimizes it, and evaluates it again."""

import os
import tempfile
from pathlib import Path

import dspy
from data import examples, split
from dspy.teleprompt import BootstrapFewShot, LabeledFewShot


class Solve(dspy.Module):
    def __init__(self):
        super().__init__()
        self.solve = dspy.ChainOfThought("question -> answer")

    def forward(self, question):
        return self.solve(question=question)


def exact(example, prediction, trace=None):
    return normalized(example.answer) == normalized(prediction.answer)


def normalized(text):
    return text.strip().rstrip(".")


judge = dspy.Predict("question, answer -> correct: bool")


def judged(example, prediction, trace=None):
    """Asks the model, where the answer is not exact."""
    if exact(example, prediction):
        return 1.0
    return 0.5 if judge(question=example.question, answer=prediction.answer).correct else 0.0


def baseline(program, rows):
    return {row.question: program(question=row.question).answer for row in rows}


lm = dspy.LM("openai/solver", api_base=os.environ["MODEL_URL"], api_key="none", cache=False, num_retries=0)
dspy.configure(lm=lm)

trainset, devset = split(examples())
evaluate = dspy.Evaluate(devset=devset, metric=judged, num_threads=2, display_progress=False)

before = evaluate(Solve())
print("before", before.score, [score for _, _, score in before.results])
print("baseline", baseline(Solve(), devset))

optimizer = BootstrapFewShot(metric=exact, max_bootstrapped_demos=2, max_labeled_demos=1)
compiled = optimizer.compile(Solve(), trainset=trainset)
labeled = LabeledFewShot(k=1).compile(Solve(), trainset=trainset)
print("demos", [len(each.demos) for each in (*compiled.predictors(), *labeled.predictors())])

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "program.json"
    compiled.save(path)
    loaded = Solve()
    loaded.load(path)

after = evaluate(loaded)
print("after", after.score, [score for _, _, score in after.results])

best = dspy.BestOfN(module=loaded, N=2, reward_fn=lambda args, prediction: float(len(prediction.answer)), threshold=9.0)
print("best", best(question="6+2").answer)
print("by length", evaluate(loaded, metric=lambda example, prediction, trace=None: len(prediction.answer) == 1).score)
