import dspy


class QA(dspy.Module):
    def __init__(self):
        super().__init__()
        self.answer = dspy.Predict("question -> answer")

    async def forward(self, settings: dspy.Settings, question):
        return await self.answer(settings, question=question)


def fresh(path):
    program = QA()
    program.load(path)
    program.set_lm(dspy.LM("openai/gpt-4o-mini"))
    return program.deepcopy()


async def train(settings: dspy.Settings, trainset, path):
    compiled = await dspy.LabeledFewShot(k=2).compile(settings, QA(), trainset=trainset)
    compiled.save(path)
    for name, predictor in compiled.named_predictors():
        print(name, predictor.demos)
    return (await fresh(path)(settings, question="?")).answer


def history():
    dspy.inspect_history(n=1)
