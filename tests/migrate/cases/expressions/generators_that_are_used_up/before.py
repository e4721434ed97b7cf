import dspy

check = dspy.Predict("claim -> holds: bool")


def total(claims):
    return sum(1 for each in claims if check(claim=each).holds)


def pairs(claims):
    return dict((each, check(claim=each).holds) for each in claims)


def ordered(claims):
    return sorted(str(check(claim=each)) for each in claims)


def held(claims):
    return set(each for each in claims if check(claim=each).holds)
