from dspy import ChainOfThought, Module, Prediction


class Answer(Module):
    def __init__(self):
        super().__init__()
        self.answer = ChainOfThought("question -> answer")

    async def forward(self, settings, question):
        return Prediction(answer=(await self.answer(settings, question=question)).answer)
