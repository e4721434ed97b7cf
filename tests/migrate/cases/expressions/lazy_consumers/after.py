import itertools

import dspy

write = dspy.Predict("topic -> line")


async def lines(settings: dspy.Settings):
    for number in itertools.count():
        yield (await write(settings, topic=str(number))).line


async def numbered(settings: dspy.Settings):
    for number, line in enumerate(lines(settings)):
        print(number, line)
        if not line:
            break
