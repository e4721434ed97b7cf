from collections.abc import Iterator

import dspy

write = dspy.Predict("topic -> line")


def lines(topics: list[str]) -> Iterator[str]:
    for topic in topics:
        yield write(topic=topic).line


def text(topics):
    return "\n".join(lines(topics))


def first(topics):
    for line in lines(topics):
        return line


def longest(topics):
    return max(list(lines(topics)), key=len)
