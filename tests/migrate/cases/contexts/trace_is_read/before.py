import dspy


def traced(program, **inputs):
    """What a program predicts, and the calls it made."""
    with dspy.context(trace=[]):
        prediction = program(**inputs)
        trace = list(dspy.settings.trace)
    return prediction, [type(predictor).__name__ for predictor, _, _ in trace]
