import dspy


class Overlap:
    """A metric with a setting of its own."""

    def __init__(self, field: str):
        self.field = field

    async def __call__(self, settings: dspy.Settings, example, prediction, trace=None):
        expected = set(example[self.field].split())
        return len(expected & set(prediction[self.field].split())) / len(expected)


async def run(settings: dspy.Settings, program, devset):
    return await dspy.Evaluate(devset=devset, metric=Overlap("answer"))(settings, program)
