import dspy

rate = dspy.Predict("text -> score: float")


async def ranked(settings: dspy.Settings, texts):
    return [
        text
        for _, text in sorted(
            [((await rate(settings, text=text)).score, text) for text in texts],
            key=lambda pair: pair[0],
            reverse=True,
        )
    ]


async def best(settings: dspy.Settings, texts):
    return max([(await rating(settings, each), each) for each in texts], key=lambda pair: pair[0])[1]


async def rating(settings: dspy.Settings, text):
    return (await rate(settings, text=text)).score


def by_length(texts):
    return sorted(texts, key=lambda text: len(text))
