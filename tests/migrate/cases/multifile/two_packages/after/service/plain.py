from service import jobs


def count(items):
    return len(items)


async def summary(settings, items):
    return f"{count(items)} jobs, {len(await jobs.run(settings, items))} done"
