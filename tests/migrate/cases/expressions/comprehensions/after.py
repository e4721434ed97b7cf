import dspy

tag = dspy.Predict("text -> tag")


async def lists(settings: dspy.Settings, texts):
    return [(await tag(settings, text=each)).tag for each in texts if each]


async def sets(settings: dspy.Settings, texts):
    return {(await tag(settings, text=each)).tag for each in texts}


async def mappings(settings: dspy.Settings, texts):
    return {each: (await tag(settings, text=each)).tag for each in texts}


async def conditions(settings: dspy.Settings, texts):
    return [each for each in texts if (await tag(settings, text=each)).tag == "good"]


async def nested(settings: dspy.Settings, groups):
    return [[(await tag(settings, text=each)).tag for each in group] for group in groups]
