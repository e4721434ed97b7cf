import dspy


def model_name() -> str:
    return dspy.settings.lm.model if dspy.settings.lm else "none"


class Labelled(dspy.Module):
    def __init__(self):
        super().__init__()
        self.say = dspy.Predict("question -> answer")

    def forward(self, question):
        prediction = self.say(question=question)
        prediction.model = model_name()
        prediction.cached = dspy.settings.get("cache", True)
        return prediction
