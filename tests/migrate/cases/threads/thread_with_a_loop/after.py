import asyncio
import threading

import dspy

answer = dspy.Predict("question -> answer")


async def serve(settings: dspy.Settings, question):
    return (await answer.acall(settings, question=question)).answer


class Worker:
    def __init__(self, question):
        self.question = question
        self.found = None

    def start(self):
        thread = threading.Thread(target=self._loop, daemon=True)
        thread.start()
        return thread

    def _loop(self):
        loop = asyncio.new_event_loop()
        try:
            loop.run_until_complete(self.work(dspy.settings))
        finally:
            loop.close()

    async def work(self, settings: dspy.Settings):
        self.found = await serve(settings, self.question)


async def twice(settings: dspy.Settings, question):
    found = {}

    def run():
        found["first"] = asyncio.run(serve(settings, question))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return await answer(settings, question=found["first"])


def run_async(coroutine):
    found = []

    def target():
        found.append(asyncio.run(coroutine))

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    return found[0]


async def of_two(settings: dspy.Settings, question):
    return run_async(serve(settings, question))


def first_plainly():
    print(answer(question="1 + 1").answer)
    asyncio.run(serve(dspy.settings, "2 + 2"))


def start():
    threading.Timer(1.0, first_plainly).start()
