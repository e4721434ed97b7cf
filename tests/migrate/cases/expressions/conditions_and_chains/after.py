import dspy

qa = dspy.Predict("question -> answer")


async def ask(settings: dspy.Settings, question, fallback=None):
    if not (answer := (await qa(settings, question=question)).answer):
        return fallback or (await qa(settings, question=f"again: {question}")).answer
    while len(answer) > 100 and (await qa(settings, question=f"too long? {answer}")).answer == "yes":
        answer = (await qa(settings, question=f"shorten {answer}"))["answer"]
    return answer if answer != "?" else -len((await qa(settings, question="why?")).answer)


async def literals(settings: dspy.Settings, question):
    return f"<{(await qa(settings, question=question)).answer!r:>20}>", [*(await qa(settings, question=question)).values()], {**await qa(settings, question=question)}


async def assertion(settings: dspy.Settings, question):
    assert (await qa(settings, question=question)).answer in ("yes", "no"), (await qa(settings, question="why?")).answer
    del (await qa(settings, question=question)).answer
