import dspy

check = dspy.Predict("claim -> holds: bool")


def every(claims):
    return all(check(claim=each).holds for each in claims)


def some(claims):
    return any(check(claim=each).holds for each in claims if each)


def first(claims):
    return next((each for each in claims if check(claim=each).holds), None)
