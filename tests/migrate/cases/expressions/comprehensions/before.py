import dspy

tag = dspy.Predict("text -> tag")


def lists(texts):
    return [tag(text=each).tag for each in texts if each]


def sets(texts):
    return {tag(text=each).tag for each in texts}


def mappings(texts):
    return {each: tag(text=each).tag for each in texts}


def conditions(texts):
    return [each for each in texts if tag(text=each).tag == "good"]


def nested(groups):
    return [[tag(text=each).tag for each in group] for group in groups]
