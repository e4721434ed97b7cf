import dspy

rate = dspy.Predict("text -> score: float")


def ranked(texts):
    return sorted(texts, key=lambda text: rate(text=text).score, reverse=True)


def best(texts):
    return max(texts, key=rating)


def rating(text):
    return rate(text=text).score


def by_length(texts):
    return sorted(texts, key=lambda text: len(text))
