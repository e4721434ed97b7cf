import asyncio

import anyio
import dspy

qa = dspy.Predict("q -> a")
fast = dspy.asyncify(qa)


def sync_helper(q):
    return qa(q=q).a


async def one(q):
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(None, sync_helper, q)


async def two(q):
    pred = await qa.acall(q=q)
    return pred.a


async def three(qs):
    results = []

    async def work(q):
        results.append(await fast(q=q))

    async with anyio.create_task_group() as tg:
        for q in qs:
            tg.start_soon(work, q)
    return results


async def four(qs):
    tasks = [asyncio.create_task(qa.acall(q=q)) for q in qs]
    return await asyncio.gather(*tasks)


class Mod(dspy.Module):
    def __init__(self):
        self.p = dspy.Predict("q -> a")

    async def aforward(self, q):
        return await self.p.acall(q=q)


def five(q):
    return asyncio.run(two(q))


def six(q):
    mod = Mod()
    return asyncio.get_event_loop().run_until_complete(mod.acall(q=q))


async def seven(q):
    with dspy.context(lm=dspy.LM("x")):
        return await asyncio.wait_for(Mod().acall(q=q), 3)


async def main():
    print(await one("x"))


if __name__ == "__main__":
    asyncio.run(main())
