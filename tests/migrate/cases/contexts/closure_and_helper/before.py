import dspy

qa = dspy.Predict("question -> answer")


def ask(question):
    return qa(question=question).answer


def compare(question, models):
    answers = {}
    for name, model in models.items():
        with dspy.context(lm=model, cache=False):

            def again(times):
                return [ask(question) for _ in range(times)]

            answers[name] = again(2)
    answers["default"] = ask(question)
    return answers
