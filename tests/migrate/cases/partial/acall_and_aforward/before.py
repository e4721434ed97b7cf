import dspy


class Answer(dspy.Module):
    def __init__(self):
        super().__init__()
        self.think = dspy.ChainOfThought("question -> answer")
        self.check = dspy.Predict("answer -> fine: bool")

    async def aforward(self, question):
        prediction = await self.think.acall(question=question)
        checked = await self.check.acall(answer=prediction.answer)
        return dspy.Prediction(answer=prediction.answer, fine=checked.fine)


async def ask(question):
    with dspy.context(lm=dspy.LM("openai/gpt-4o")):
        return await Answer().acall(question=question)
