import dspy


class Overlap:
    """A metric with a setting of its own."""

    def __init__(self, field: str):
        self.field = field

    def __call__(self, example, prediction, trace=None):
        expected = set(example[self.field].split())
        return len(expected & set(prediction[self.field].split())) / len(expected)


async def run(settings: dspy.Settings, program, devset):
    return await dspy.Evaluate(devset=devset, metric=Overlap("answer"))(settings, program)
