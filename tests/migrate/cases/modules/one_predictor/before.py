import dspy


class Summarize(dspy.Module):
    """Shortens a text."""

    def __init__(self, limit=3):
        super().__init__()
        self.limit = limit
        self.shorten = dspy.ChainOfThought("text, sentences: int -> summary")

    def forward(self, text):
        result = self.shorten(text=text, sentences=self.limit)
        return dspy.Prediction(summary=result.summary.strip())
