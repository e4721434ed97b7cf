import dspy


def ask_all(programs, question):
    """Asks each of several programs the same."""
    return {name: each(question=question).answer for name, each in programs.items()}


def best(question):
    programs = {"plain": dspy.Predict("question -> answer"), "slow": dspy.ChainOfThought("question -> answer")}
    return max(ask_all(programs, question).values(), key=len)
