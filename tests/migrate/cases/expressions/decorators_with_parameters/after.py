import asyncio
import functools

import dspy


def retry(times=3):
    def decorator(function):
        @functools.wraps(function)
        async def wrapper(*args, **kwargs):
            for attempt in range(times):
                try:
                    return await function(*args, **kwargs)
                except ValueError:
                    if attempt == times - 1:
                        raise
                    await asyncio.sleep(1)

        return wrapper

    return decorator


def logged(fn):
    async def inner(self, *args, **kwargs):
        print("calling")
        result = await fn(self, *args, **kwargs)
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
    async def forward(self, settings: dspy.Settings, q):
        return await self.p(settings, q=q)

    @tagged
    async def help(self, settings: dspy.Settings, q):
        return await self(settings, q=q)


@retry(times=5)
async def ask(settings: dspy.Settings, bot: Bot, q):
    return (await bot(settings, q=q)).a


@tagged
def plain(x):
    return x + 1


async def run(settings: dspy.Settings, bot: Bot):
    return await ask(settings, bot, "x"), plain(1), await bot.help(settings, "x")
