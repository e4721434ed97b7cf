"""GEPA rewrites a prompt, with a metric that waits for a model and says in words what is wrong."""

from __future__ import annotations

import asyncio

import dspy

SENTENCES = [
    ("The tea was cold and the waiter was rude.", "negative"),
    ("A lovely evening from start to end.", "positive"),
    ("Never again.", "negative"),
    ("I would come back tomorrow.", "positive"),
    ("The soup tasted of nothing.", "negative"),
    ("The cake alone is worth the trip.", "positive"),
]

critic = dspy.Predict("sentence, expected, answer -> advice")


async def feedback(
    settings: dspy.Settings,
    example: dspy.Example,
    prediction: dspy.Prediction,
    trace=None,
    pred_name: str | None = None,
    pred_trace=None,
) -> dspy.Prediction:
    """The score, and the advice of another model where it is not full."""
    score = float(example.mood == prediction.mood)
    if score == 1.0:
        return dspy.Prediction(score=score, feedback="Right.")
    said = await critic(settings, sentence=example.sentence, expected=example.mood, answer=prediction.mood)
    return dspy.Prediction(score=score, feedback=said.advice)


async def main() -> None:
    settings = dspy.Settings(lm=dspy.LM("openai/gpt-4o-mini", cache=False), num_threads=4)
    examples = [dspy.Example(sentence=text, mood=mood).with_inputs("sentence") for text, mood in SENTENCES]
    program = dspy.Predict("sentence -> mood")
    optimizer = dspy.GEPA(
        metric=feedback,
        max_metric_calls=30,
        reflection_lm=dspy.LM("openai/gpt-4o", cache=False),
        reflection_minibatch_size=3,
        num_threads=4,
        seed=0,
    )
    better = await optimizer.compile(settings, program, trainset=examples[:3], valset=examples[3:])

    async def right(example: dspy.Example, prediction: dspy.Prediction, trace=None) -> bool:
        return example.mood == prediction.mood

    evaluate = dspy.Evaluate(devset=examples, metric=right)
    for name, each in (("before", program), ("after", better)):
        print(f"{name}: {(await evaluate(settings, each)).score} %, by: {each.signature.instructions}")


asyncio.run(main())
