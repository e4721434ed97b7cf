"""Answers one question."""

import asyncio

import dspy

dspy.configure(lm=dspy.LM("openai/gpt-4o-mini"))

qa = dspy.ChainOfThought("question -> answer")


async def main():
    prediction = await qa(dspy.settings, question="Why is the sky blue?")
    print(prediction.answer)


if __name__ == "__main__":
    asyncio.run(main())
