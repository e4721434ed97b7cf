import asyncio

import anyio
import dspy

qa = dspy.Predict("q -> a")
fast = qa


async def sync_helper(settings: dspy.Settings, q):
    return (await qa(settings, q=q)).a


async def one(settings: dspy.Settings, q):
    loop = asyncio.get_running_loop()
    return await sync_helper(settings, q)


async def two(settings: dspy.Settings, q):
    pred = await qa.acall(settings, q=q)
    return pred.a


async def three(settings: dspy.Settings, qs):
    results = []

    async def work(settings: dspy.Settings, q):
        results.append(await fast(settings, q=q))

    async with anyio.create_task_group() as tg:
        for q in qs:
            tg.start_soon(work, settings, q)
    return results


async def four(settings: dspy.Settings, qs):
    tasks = [asyncio.create_task(qa.acall(settings, q=q)) for q in qs]
    return await asyncio.gather(*tasks)


class Mod(dspy.Module):
    def __init__(self):
        self.p = dspy.Predict("q -> a")

    async def aforward(self, settings: dspy.Settings, q):
        return await self.p.acall(settings, q=q)


async def five(settings: dspy.Settings, q):
    return await two(settings, q)


async def six(settings: dspy.Settings, q):
    mod = Mod()
    return await mod.acall(settings, q=q)


async def seven(settings: dspy.Settings, q):
    with settings.context(lm=dspy.LM("x")) as inner_settings:
        return await asyncio.wait_for(Mod().acall(inner_settings, q=q), 3)


async def main():
    print(await one(dspy.settings, "x"))


if __name__ == "__main__":
    asyncio.run(main())
