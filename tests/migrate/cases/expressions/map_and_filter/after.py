import dspy

rate = dspy.Predict("text -> score: float")


async def rating(settings: dspy.Settings, text):
    return (await rate(settings, text=text)).score


async def all_ratings(settings: dspy.Settings, texts):
    return [await rating(settings, each) for each in texts]


def lengths(texts):
    return list(map(len, texts))


async def good(settings: dspy.Settings, texts):
    return [text for text in texts if await rating(settings, text) > 0.5]


async def loop(settings: dspy.Settings, texts):
    for score in [await rating(settings, each) for each in texts]:
        print(score)
