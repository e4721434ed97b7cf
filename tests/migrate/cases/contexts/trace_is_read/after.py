import dspy


async def traced(settings: dspy.Settings, /, program, **inputs):
    """What a program predicts, and the calls it made."""
    with settings.context(trace=[]) as inner_settings:
        prediction = await program(inner_settings, **inputs)
        trace = list(inner_settings.trace)
    return prediction, [type(predictor).__name__ for predictor, _, _ in trace]
