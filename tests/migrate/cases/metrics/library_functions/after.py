import dspy
from dspy.evaluate import SemanticF1, answer_exact_match


async def compare(settings: dspy.Settings, program, devset):
    exact = await dspy.Evaluate(devset=devset, metric=answer_exact_match)(settings, program)
    fuzzy = await dspy.Evaluate(devset=devset, metric=SemanticF1())(settings, program)
    return exact.score, fuzzy.score


async def single(settings: dspy.Settings, example, prediction):
    return await SemanticF1()(settings, example, prediction)
