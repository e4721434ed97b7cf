import dspy


class Summarize(dspy.Module):
    """Shortens a text."""

    def __init__(self, limit=3):
        super().__init__()
        self.limit = limit
        self.shorten = dspy.ChainOfThought("text, sentences: int -> summary")

    async def forward(self, settings: dspy.Settings, text):
        result = await self.shorten(settings, text=text, sentences=self.limit)
        return dspy.Prediction(summary=result.summary.strip())
