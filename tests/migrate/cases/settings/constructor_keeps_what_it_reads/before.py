import dspy


class Pinned(dspy.Module):
    """Stays with the model that was configured when it was made."""

    def __init__(self):
        super().__init__()
        self.lm = dspy.settings.lm
        self.answer = dspy.Predict("question -> answer")

    def forward(self, question):
        with dspy.context(lm=self.lm):
            return self.answer(question=question)
