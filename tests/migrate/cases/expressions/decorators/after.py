import functools
import logging
import time

import dspy

logger = logging.getLogger(__name__)


def timed(function):
    @functools.wraps(function)
    async def wrapper(*args, **kwargs):
        started = time.perf_counter()
        try:
            return await function(*args, **kwargs)
        finally:
            logger.info("%s took %.1f s", function.__name__, time.perf_counter() - started)

    return wrapper


@timed
async def ask(settings: dspy.Settings, question):
    return (await dspy.Predict("question -> answer")(settings, question=question)).answer


@timed
async def ask_twice(settings: dspy.Settings, question):
    return await ask(settings, question), await ask(settings, question)
