import asyncio

import dspy

program = dspy.Predict("question -> answer")


async def main():
    with dspy.context(lm=dspy.LM("openai/gpt-4o")) as inner_settings:
        print((await program(inner_settings, question="now?")).answer)
    print(dspy.settings.lm)


if __name__ == "__main__":
    asyncio.run(main())
