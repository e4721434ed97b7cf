import dspy


class Twice(dspy.Module):
    """Runs whatever it is given twice."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, question):
        self.inner(question=question)
        return self.inner(question=f"{question} again")
