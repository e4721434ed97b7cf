import dspy


class QA(dspy.Module):
    def __init__(self):
        super().__init__()
        self.answer = dspy.Predict("question -> answer")

    def forward(self, question):
        return self.answer(question=question)


def fresh(path):
    program = QA()
    program.load(path)
    program.set_lm(dspy.LM("openai/gpt-4o-mini"))
    return program.deepcopy()


def train(trainset, path):
    compiled = dspy.LabeledFewShot(k=2).compile(QA(), trainset=trainset)
    compiled.save(path)
    for name, predictor in compiled.named_predictors():
        print(name, predictor.demos)
    return fresh(path)(question="?").answer


def history():
    dspy.inspect_history(n=1)
