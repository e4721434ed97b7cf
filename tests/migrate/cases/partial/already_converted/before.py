import asyncio

import dspy


class Answer(dspy.Module):
    def __init__(self):
        super().__init__()
        self.think = dspy.ChainOfThought("question -> answer")

    async def forward(self, settings: dspy.Settings, question):
        with settings.context(temperature=0.0) as cold:
            return await self.think(cold, question=question)


async def exact(settings: dspy.Settings, example, prediction, trace=None):
    return example.answer == prediction.answer


async def main():
    settings = dspy.Settings(lm=dspy.LM("openai/gpt-4o-mini"))
    evaluate = dspy.Evaluate(devset=[], metric=exact)
    print(await evaluate(settings, Answer()))
    print(await Answer()(settings=settings, question="?"))


if __name__ == "__main__":
    asyncio.run(main())
