from core import Client

client = Client()


def run(jobs):
    done = []
    for job in jobs:
        done.append((job, client.ask(job)))
    return done
