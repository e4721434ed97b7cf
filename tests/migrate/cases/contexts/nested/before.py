import dspy

classify = dspy.Predict("text -> label")


def label(text, lm, adapter):
    with dspy.context(lm=lm):
        first = classify(text=text)
        with dspy.context(adapter=adapter):
            second = classify(text=text)
        third = classify(text=text)
    return first, second, third, classify(text=text)
