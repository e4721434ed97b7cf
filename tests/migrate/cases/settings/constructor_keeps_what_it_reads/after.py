import dspy


class Pinned(dspy.Module):
    """Stays with the model that was configured when it was made."""

    def __init__(self):
        super().__init__()
        self.lm = dspy.settings.lm
        self.answer = dspy.Predict("question -> answer")

    async def forward(self, settings: dspy.Settings, question):
        with settings.context(lm=self.lm) as inner_settings:
            return await self.answer(inner_settings, question=question)
