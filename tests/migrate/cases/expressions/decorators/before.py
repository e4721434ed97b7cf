import functools
import logging
import time

import dspy

logger = logging.getLogger(__name__)


def timed(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        started = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            logger.info("%s took %.1f s", function.__name__, time.perf_counter() - started)

    return wrapper


@timed
def ask(question):
    return dspy.Predict("question -> answer")(question=question).answer


@timed
def ask_twice(question):
    return ask(question), ask(question)
