import dspy

check = dspy.Predict("claim -> holds: bool")


async def total(settings: dspy.Settings, claims):
    return sum([1 for each in claims if (await check(settings, claim=each)).holds])


async def pairs(settings: dspy.Settings, claims):
    return dict([(each, (await check(settings, claim=each)).holds) for each in claims])


async def ordered(settings: dspy.Settings, claims):
    return sorted([str(await check(settings, claim=each)) for each in claims])


async def held(settings: dspy.Settings, claims):
    return set([each for each in claims if (await check(settings, claim=each)).holds])
