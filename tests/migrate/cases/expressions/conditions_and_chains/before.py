import dspy

qa = dspy.Predict("question -> answer")


def ask(question, fallback=None):
    if not (answer := qa(question=question).answer):
        return fallback or qa(question=f"again: {question}").answer
    while len(answer) > 100 and qa(question=f"too long? {answer}").answer == "yes":
        answer = qa(question=f"shorten {answer}")["answer"]
    return answer if answer != "?" else -len(qa(question="why?").answer)


def literals(question):
    return f"<{qa(question=question).answer!r:>20}>", [*qa(question=question).values()], {**qa(question=question)}


def assertion(question):
    assert qa(question=question).answer in ("yes", "no"), qa(question="why?").answer
    del qa(question=question).answer
