"""A large evaluation: many examples in flight, a progress bar, an async metric that asks a model of its own."""

from __future__ import annotations

import asyncio
import sys
import time

import dspy

NUMBERS = range(150)


class Judge(dspy.Signature):
    """Say whether the two numbers are the same, in words or in digits."""

    expected: str = dspy.InputField()
    answer: str = dspy.InputField()
    same: bool = dspy.OutputField()


judge = dspy.Predict(Judge)


async def same(settings: dspy.Settings, example: dspy.Example, prediction: dspy.Prediction, trace=None) -> bool:
    """Asks the cheaper model, whatever is evaluated."""
    with settings.context(lm=settings.judge_lm) as cheap:
        return (await judge(cheap, expected=example.answer, answer=prediction.answer)).same


async def main() -> None:
    devset = [
        dspy.Example(question=f"What is {number} plus {number}?", answer=str(2 * number)).with_inputs("question")
        for number in NUMBERS
    ]
    settings = dspy.Settings(
        lm=dspy.LM("openai/gpt-4o", cache=False), judge_lm=dspy.LM("openai/gpt-4o-mini", cache=False)
    )
    evaluate = dspy.Evaluate(devset=devset, metric=same, num_threads=50, display_progress=True)
    started = time.monotonic()
    result = await evaluate(settings, dspy.ChainOfThought("question -> answer"))
    wrong = [example.question for example, _, score in result.results if not score]
    print(f"{len(devset)} examples in {time.monotonic() - started:.1f} seconds: {result.score} %", file=sys.stderr)
    print(f"score {result.score}, wrong: {', '.join(wrong)}")


asyncio.run(main())
