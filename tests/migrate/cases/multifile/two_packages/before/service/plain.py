from service import jobs


def count(items):
    return len(items)


def summary(items):
    return f"{count(items)} jobs, {len(jobs.run(items))} done"
