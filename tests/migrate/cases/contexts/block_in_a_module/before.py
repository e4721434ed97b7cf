import dspy


class TwoModels(dspy.Module):
    def __init__(self, cheap, strong):
        super().__init__()
        self.cheap = cheap
        self.strong = strong
        self.draft = dspy.Predict("task -> draft")
        self.polish = dspy.Predict("draft -> text")

    def forward(self, task):
        with dspy.context(lm=self.cheap):
            draft = self.draft(task=task).draft
        with dspy.context(lm=self.strong, temperature=0.2):
            return self.polish(draft=draft)
