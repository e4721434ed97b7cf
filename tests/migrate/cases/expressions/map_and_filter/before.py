import dspy

rate = dspy.Predict("text -> score: float")


def rating(text):
    return rate(text=text).score


def all_ratings(texts):
    return list(map(rating, texts))


def lengths(texts):
    return list(map(len, texts))


def good(texts):
    return list(filter(lambda text: rating(text) > 0.5, texts))


def loop(texts):
    for score in map(rating, texts):
        print(score)
