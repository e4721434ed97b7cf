from collections.abc import AsyncIterator

import dspy

write = dspy.Predict("topic -> line")


async def lines(settings: dspy.Settings, topics: list[str]) -> AsyncIterator[str]:
    for topic in topics:
        yield (await write(settings, topic=topic)).line


async def text(settings: dspy.Settings, topics):
    return "\n".join([each async for each in lines(settings, topics)])


async def first(settings: dspy.Settings, topics):
    async for line in lines(settings, topics):
        return line


async def longest(settings: dspy.Settings, topics):
    return max([each async for each in lines(settings, topics)], key=len)
