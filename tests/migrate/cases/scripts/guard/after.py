import asyncio
import sys

import dspy


async def answer(settings: dspy.Settings, question):
    return (await dspy.Predict("question -> answer")(settings, question=question)).answer


async def main():
    dspy.configure(lm=dspy.LM("openai/gpt-4o-mini"))
    for question in sys.argv[1:]:
        print(await answer(dspy.settings, question))


if __name__ == "__main__":
    asyncio.run(main())
