import dspy

qa = dspy.Predict("question -> answer")


async def ask(settings: dspy.Settings, question):  # noqa: E731
    return (await qa(settings, question=question)).answer


async def judged(settings: dspy.Settings, example, prediction, trace=None):
    return (await qa(settings, question=f"fine? {prediction}")).answer == "yes"


METRICS = {
    "exact": lambda example, prediction, trace=None: example.answer == prediction.answer,
    "judged": judged,
}


async def run(settings: dspy.Settings, program, devset, name):
    return await dspy.Evaluate(devset=devset, metric=METRICS[name])(settings, program)
