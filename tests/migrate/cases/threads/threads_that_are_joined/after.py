import asyncio
import queue
import threading
import time

import dspy

qa = dspy.Predict("question -> answer")
lock = threading.Lock()


async def work(settings: dspy.Settings, question, results):
    results.append((await qa(settings, question=question)).answer)


async def pair(settings: dspy.Settings, first, second):
    results = []
    one = asyncio.create_task(work(settings, first, results))
    two = asyncio.create_task(work(settings, second, results=results))
    print("started")
    await asyncio.wait([one])
    await asyncio.wait([two], timeout=3)
    return results


async def listed(settings: dspy.Settings, questions):
    results = []
    threads = [asyncio.create_task(work(settings, each, results)) for each in questions]
    for thread in threads:
        await asyncio.wait([thread])
    return results


async def appended(settings: dspy.Settings, questions):
    results = []
    threads = []
    for each in questions:
        thread = asyncio.create_task(work(settings, each, results))
        threads.append(thread)
    [await asyncio.wait([t]) for t in threads]
    return results


def appended_at_once(questions):
    results, threads = [], []
    for each in questions:
        threads.append(threading.Thread(target=work, args=(each, results)))
    [t.start() for t in threads]
    for t in threads:
        t.join()
    return results


async def nested(settings: dspy.Settings, question):
    found = {}

    async def run(settings: dspy.Settings):
        found["answer"] = (await qa(settings, question=question)).answer

    thread = asyncio.create_task(run(settings))
    await asyncio.wait([thread])
    return found["answer"]


def started_only(question):
    threading.Thread(target=work, args=(question, [])).start()


def with_queue(questions):
    answers = queue.Queue()

    async def run(settings: dspy.Settings, question):
        answers.put((await qa(settings, question=question)).answer)

    thread = threading.Thread(target=run, args=("x",))
    thread.start()
    first = answers.get()
    thread.join()
    return first


async def locked(settings: dspy.Settings, question):
    with lock:
        return await qa(settings, question=question)


def of_locked(question):
    thread = threading.Thread(target=locked, args=(question,))
    thread.start()
    thread.join()


def one_after_the_other(a, b):
    one = threading.Thread(target=work, args=(a, []))
    two = threading.Thread(target=work, args=(b, []))
    one.start()
    one.join()
    two.start()
    two.join()


async def main():
    results = []
    thread = asyncio.create_task(work(dspy.settings, "x", results))
    await asyncio.wait([thread])
    print(results)


if __name__ == "__main__":
    asyncio.run(main())
