import itertools

import dspy

write = dspy.Predict("topic -> line")


def lines():
    for number in itertools.count():
        yield write(topic=str(number)).line


def numbered():
    for number, line in enumerate(lines()):
        print(number, line)
        if not line:
            break
