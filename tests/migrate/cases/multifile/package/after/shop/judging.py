import functools

import dspy


@functools.cache
def judge():
    return dspy.Predict("reply -> tone")


async def verdict(settings: dspy.Settings, reply):
    return (await judge()(settings, reply=reply)).tone
