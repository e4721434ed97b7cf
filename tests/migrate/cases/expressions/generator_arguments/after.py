import dspy

check = dspy.Predict("claim -> holds: bool")


async def every(settings: dspy.Settings, claims):
    return await anext((False for each in claims if not (await check(settings, claim=each)).holds), True)


async def some(settings: dspy.Settings, claims):
    return await anext((True for each in claims if each if (await check(settings, claim=each)).holds), False)


async def first(settings: dspy.Settings, claims):
    return await anext((each for each in claims if (await check(settings, claim=each)).holds), None)
