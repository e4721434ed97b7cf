import asyncio

import dspy


async def f(settings: dspy.Settings, q):
    return await lm(settings, q)


async def main():
    print((await program(dspy.settings, question="x")).answer)
    compiled = await teleprompter.compile(dspy.settings, program, trainset=trainset)
    compiled.save("x.json")

    predictor = make()
    print(await predictor(dspy.settings, question="x"))


if __name__ == "__main__":
    asyncio.run(main())
