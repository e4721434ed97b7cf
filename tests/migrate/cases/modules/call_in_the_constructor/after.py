import dspy


class Primed(dspy.Module):
    def __init__(self, topic):
        super().__init__()
        self.facts = dspy.Predict("topic -> facts: list[str]")(topic=topic).facts
        self.answer = dspy.Predict("facts, question -> answer")

    async def forward(self, settings: dspy.Settings, question):
        return await self.answer(settings, facts=self.facts, question=question)
