from core import Client

client = Client()


async def run(settings, jobs):
    done = []
    for job in jobs:
        done.append((job, await client.ask(settings, job)))
    return done
