import random

import dspy
from dspy.teleprompt import Teleprompter
from dspy.utils.supplied import bind, ready


class Tournament(Teleprompter):
    """Keeps the better of two programs, again and again."""

    def __init__(self, metric, rounds=3, seed=0):
        super().__init__()
        self.metric = metric
        self.rounds = rounds
        self.random = random.Random(seed)

    async def compile(self, settings: dspy.Settings, student, *, trainset, teacher=None, valset=None):
        best = student.deepcopy()
        for _ in range(self.rounds):
            rival = self.vary(best, trainset)
            if await self.score(settings, rival, valset or trainset) > await self.score(settings, best, valset or trainset):
                best = rival
        best._compiled = True
        return best

    def vary(self, program, trainset):
        rival = program.deepcopy()
        for predictor in rival.predictors():
            predictor.demos = self.random.sample(trainset, k=min(2, len(trainset)))
        return rival

    async def score(self, settings: dspy.Settings, program, examples):
        return sum([await ready(bind(self.metric, settings)(each, await program(settings, **each.inputs()))) for each in examples])
