from dspy import ChainOfThought, Module, Prediction


class Answer(Module):
    def __init__(self):
        super().__init__()
        self.answer = ChainOfThought("question -> answer")

    def forward(self, question):
        return Prediction(answer=self.answer(question=question).answer)
