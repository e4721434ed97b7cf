import dspy


class Echo(dspy.Module):
    def __init__(self):
        super().__init__()
        self.say = dspy.Predict("question -> answer")

    async def forward(self, settings: dspy.Settings, question):
        return await self.say(settings, question=question)

    async def aforward(self, settings: dspy.Settings, question):
        return await self.say.acall(settings, question=question)
