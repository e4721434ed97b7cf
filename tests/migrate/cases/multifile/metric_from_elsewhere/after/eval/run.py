import dspy

from eval.metrics import first_word, normalized


async def run(settings: dspy.Settings, program, devset):
    for example in devset:
        example.answer = normalized(example.answer)
    return await dspy.Evaluate(devset=devset, metric=first_word)(settings, program)
