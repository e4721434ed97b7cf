import random

import dspy
from dspy.teleprompt import Teleprompter


class Tournament(Teleprompter):
    """Keeps the better of two programs, again and again."""

    def __init__(self, metric, rounds=3, seed=0):
        super().__init__()
        self.metric = metric
        self.rounds = rounds
        self.random = random.Random(seed)

    def compile(self, student, *, trainset, teacher=None, valset=None):
        best = student.deepcopy()
        for _ in range(self.rounds):
            rival = self.vary(best, trainset)
            if self.score(rival, valset or trainset) > self.score(best, valset or trainset):
                best = rival
        best._compiled = True
        return best

    def vary(self, program, trainset):
        rival = program.deepcopy()
        for predictor in rival.predictors():
            predictor.demos = self.random.sample(trainset, k=min(2, len(trainset)))
        return rival

    def score(self, program, examples):
        return sum(self.metric(each, program(**each.inputs())) for each in examples)
