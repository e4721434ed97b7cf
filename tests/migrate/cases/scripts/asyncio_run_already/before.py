import asyncio

import dspy


async def main():
    dspy.configure(lm=dspy.LM("openai/gpt-4o-mini"))
    qa = dspy.Predict("question -> answer")
    first = await qa.acall(question="one?")
    second = qa(question="two?")
    print(first.answer, second.answer)


if __name__ == "__main__":
    asyncio.run(main())
