import asyncio

import dspy

qa = dspy.Predict("question -> answer")


async def ask(settings: dspy.Settings, question, n=1):
    return (await qa(settings, question=question)).answer


async def one(settings: dspy.Settings, questions):
    limit = asyncio.Semaphore(32)

    async def limited(settings: dspy.Settings, /, function, *args, **kwargs):
        async with limit:
            return await function(settings, *args, **kwargs)

    futures = [asyncio.create_task(limited(settings, ask, q, n=2)) for q in questions]
    out = []
    for future in asyncio.as_completed(futures):
        out.append(await future)
    return out


async def two(settings: dspy.Settings, questions):
    out = []
    limit = asyncio.Semaphore(4)

    async def limited(settings: dspy.Settings, /, function, *args, **kwargs):
        async with limit:
            return await function(settings, *args, **kwargs)

    futures = []
    for q in questions:
        futures.append(asyncio.create_task(limited(settings, ask, q)))
    # wait for all
    for i, q in enumerate(questions):
        print(i, q)
    for f in futures:
        out.append(await f)
    first = await limited(settings, ask, "x")
    return out, first


async def three(settings: dspy.Settings, questions, others):
    limit = asyncio.Semaphore(2)

    async def limited(settings: dspy.Settings, /, function, *args, **kwargs):
        async with limit:
            return await function(settings, *args, **kwargs)

    for answer in await asyncio.gather(*(limited(settings, ask, each_1, each_2) for each_1, each_2 in zip(questions, others))):
        print(answer)
    both = dict(zip(questions, await asyncio.gather(*(limited(settings, ask, each) for each in questions))))
    return both


async def four(settings: dspy.Settings, questions):
    limit = asyncio.Semaphore(2)

    async def limited(settings: dspy.Settings, /, function, *args, **kwargs):
        async with limit:
            return await function(settings, *args, **kwargs)

    async def completed(waiting):
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                yield task

    futs = {asyncio.create_task(limited(settings, ask, q)): q for q in questions}
    async for f in completed(futs):
        print(futs[f], await f)


async def main():
    limit = asyncio.Semaphore(2)

    async def limited(settings: dspy.Settings, each):
        async with limit:
            return await ask(settings, each)

    print(await asyncio.gather(*(limited(dspy.settings, each) for each in ["a", "b"])))


if __name__ == "__main__":
    asyncio.run(main())
