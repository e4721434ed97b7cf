import asyncio
import threading
import time
import unittest

import dspy


class Server:
    def __init__(self):
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self.thread.start()
        self.ready.wait()

    def _run(self):
        asyncio.run(self._serve())

    async def _serve(self):
        self.ready.set()
        pause()
        await asyncio.sleep(0)


def pause():
    time.sleep(0.01)


async def fetch(url):
    time.sleep(0.01)
    return url


def pages(urls):
    async def all_of_them():
        return await asyncio.gather(*map(fetch, urls))

    return asyncio.run(all_of_them())


def run_async(coroutine):
    found = []

    def target():
        loop = asyncio.new_event_loop()
        found.append(loop.run_until_complete(coroutine))

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    return found[0]


def page(url):
    return fetch(url)


class Slow:
    async def read(self):
        return await page("a")


class Fast(Slow):
    def read(self):
        return run_async(super().read())


class PagesTest(unittest.TestCase):
    def test_pages(self):
        self.assertEqual(pages(["a"]), ["a"])
        self.assertEqual(len(examples(["a"])), 1)


def examples(urls):
    return [dspy.Example(text=text) for text in pages(urls)]


handlers = {"fetch": fetch, "page": page}
print(asyncio.run(fetch("a")), run_async(fetch("b")), handlers)
