import functools
import time

import dspy


def retry(times=3):
    def decorator(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            for attempt in range(times):
                try:
                    return function(*args, **kwargs)
                except ValueError:
                    if attempt == times - 1:
                        raise
                    time.sleep(1)

        return wrapper

    return decorator


def logged(fn):
    def inner(self, *args, **kwargs):
        print("calling")
        result = fn(self, *args, **kwargs)
        print(result)
        return result

    return inner


def tagged(fn):
    @functools.wraps(fn)
    def inner(*args, **kwargs):
        print("x")
        return fn(*args, **kwargs)

    inner.tag = True
    return inner


class Bot(dspy.Module):
    def __init__(self):
        self.p = dspy.Predict("q -> a")

    @logged
    def forward(self, q):
        return self.p(q=q)

    @tagged
    def help(self, q):
        return self(q=q)


@retry(times=5)
def ask(bot: Bot, q):
    return bot(q=q).a


@tagged
def plain(x):
    return x + 1


def run(bot: Bot):
    return ask(bot, "x"), plain(1), bot.help("x")
