import dspy


async def ask_all(settings: dspy.Settings, programs, question):
    """Asks each of several programs the same."""
    return {name: (await each(settings, question=question)).answer for name, each in programs.items()}


async def best(settings: dspy.Settings, question):
    programs = {"plain": dspy.Predict("question -> answer"), "slow": dspy.ChainOfThought("question -> answer")}
    return max((await ask_all(settings, programs, question)).values(), key=len)
