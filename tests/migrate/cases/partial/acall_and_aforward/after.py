import dspy


class Answer(dspy.Module):
    def __init__(self):
        super().__init__()
        self.think = dspy.ChainOfThought("question -> answer")
        self.check = dspy.Predict("answer -> fine: bool")

    async def aforward(self, settings: dspy.Settings, question):
        prediction = await self.think.acall(settings, question=question)
        checked = await self.check.acall(settings, answer=prediction.answer)
        return dspy.Prediction(answer=prediction.answer, fine=checked.fine)


async def ask(settings: dspy.Settings, question):
    with settings.context(lm=dspy.LM("openai/gpt-4o")) as inner_settings:
        return await Answer().acall(inner_settings, question=question)
