import dspy

qa = dspy.Predict("question -> answer")

ask = lambda question: qa(question=question).answer  # noqa: E731
METRICS = {
    "exact": lambda example, prediction, trace=None: example.answer == prediction.answer,
    "judged": lambda example, prediction, trace=None: qa(question=f"fine? {prediction}").answer == "yes",
}


def run(program, devset, name):
    return dspy.Evaluate(devset=devset, metric=METRICS[name])(program)
