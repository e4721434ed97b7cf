import asyncio
import threading

import dspy

answer = dspy.Predict("question -> answer")


async def serve(question):
    return (await answer.acall(question=question)).answer


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
            loop.run_until_complete(self.work())
        finally:
            loop.close()

    async def work(self):
        self.found = await serve(self.question)


def twice(question):
    found = {}

    def run():
        found["first"] = asyncio.run(serve(question))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return answer(question=found["first"])


def run_async(coroutine):
    found = []

    def target():
        found.append(asyncio.run(coroutine))

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    return found[0]


def of_two(question):
    return run_async(serve(question))


def first_plainly():
    print(answer(question="1 + 1").answer)
    asyncio.run(serve("2 + 2"))


def start():
    threading.Timer(1.0, first_plainly).start()
