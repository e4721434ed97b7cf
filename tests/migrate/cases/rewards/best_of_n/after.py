import dspy


def short(args, prediction):
    return 1.0 if len(prediction.answer.split()) == 1 else 0.0


async def terse(settings: dspy.Settings, question):
    program = dspy.BestOfN(module=dspy.Predict("question -> answer"), N=3, reward_fn=short, threshold=1.0)
    return (await program(settings, question=question)).answer


async def refined(settings: dspy.Settings, question):
    program = dspy.Refine(
        module=dspy.ChainOfThought("question -> answer"),
        N=2,
        reward_fn=lambda args, prediction: float(prediction.answer.isupper()),
        threshold=1.0,
    )
    return await program(settings, question=question)
