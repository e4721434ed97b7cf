import dspy


class Echo(dspy.Module):
    def __init__(self):
        super().__init__()
        self.say = dspy.Predict("question -> answer")

    def forward(self, question):
        return self.say(question=question)

    async def aforward(self, question):
        return await self.say.acall(question=question)
