import functools

import dspy


@functools.cache
def judge():
    return dspy.Predict("reply -> tone")


def verdict(reply):
    return judge()(reply=reply).tone
