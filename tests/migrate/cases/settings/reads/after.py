import dspy


def model_name(settings: dspy.Settings) -> str:
    return settings.lm.model if settings.lm else "none"


class Labelled(dspy.Module):
    def __init__(self):
        super().__init__()
        self.say = dspy.Predict("question -> answer")

    async def forward(self, settings: dspy.Settings, question):
        prediction = await self.say(settings, question=question)
        prediction.model = model_name(settings)
        prediction.cached = settings.get("cache", True)
        return prediction
