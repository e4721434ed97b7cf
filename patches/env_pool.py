from __future__ import annotations

import asyncio
import queue
from typing import Any

from dspy.datasets.alfworld.alfworld import env_worker
from dspy.utils.blocking import lock_of


# --- patch ---
class EnvPool:
    """
    Processes, each with an environment of its own, which tasks take one after the other:

        async with pool.session() as environment:
            task, info = await environment.init(5)
            observation, reward, done, info = await environment.step("go north")

    They are started by the first session.
    """

    def __init__(self, size=2):
        self.size = size
        self.workers = []
        self.available = queue.Queue()
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def _start(self):
        try:
            import multiprocess as mp
        except ImportError as e:
            raise ImportError("multiprocess is not installed. Please install it via `pip install multiprocess`.") from e

        ctx = mp.get_context("spawn")
        for number in range(self.size):
            inq, outq = ctx.Queue(), ctx.Queue()
            process = ctx.Process(target=env_worker, args=(inq, outq), daemon=True)
            process.start()
            self.workers.append((inq, outq, process))
            self.available.put(number)

    async def _acquire(self):
        async with lock_of(self):
            if not self.workers:
                await asyncio.to_thread(self._start)
        while True:
            try:
                wid = self.available.get_nowait()
            except queue.Empty:
                await self._wait()
            else:
                return wid, self.workers[wid][0], self.workers[wid][1]

    async def _wait(self):
        """Until a worker was released, or may have been."""
        waiter = asyncio.get_running_loop(), asyncio.Event()
        self._waiting.append(waiter)
        try:
            # One that was released before this was seen in the list.
            if self.available.empty():
                await waiter[1].wait()
        finally:
            self._waiting.remove(waiter)

    def _release(self, wid):
        self.available.put(wid)
        for loop, event in list(self._waiting):
            loop.call_soon_threadsafe(event.set)

    def close_all(self):
        """Close all processes in the pool, waiting for each: from a coroutine, `await asyncio.to_thread(...)` it."""
        while not self.available.empty():
            inq, outq, process = self.workers[self.available.get()]
            inq.put(("close", None))
            outq.get()  # it says that it closes
            inq.close()
            outq.close()
            process.join()

    def session(self):
        """An environment for an `async with` block."""
        return _EnvSession(self)


class _EnvSession:
    """An environment in the hands of one task. It is free again when it has answered what it was asked last."""

    def __init__(self, pool: EnvPool):
        self.pool = pool
        self.wid = None
        self.inq = None
        self.outq = None
        self._answer: asyncio.Future[Any] | None = None

    async def __aenter__(self):
        self.wid, self.inq, self.outq = await self.pool._acquire()
        return self

    async def __aexit__(self, exc_type, exc_val, exc_tb):
        if self._answer is None or self._answer.done():
            self.pool._release(self.wid)
        else:
            # Its task was cancelled: the answer that nobody waits for any more must not be the next one's.
            self._answer.add_done_callback(lambda _: self.pool._release(self.wid))

    async def init(self, idx):
        """Begin a task; gives it, and information about it."""
        return await self._ask("init", idx)

    async def step(self, action):
        """Act; gives an observation, a reward, whether it is done, and more information."""
        return await self._ask("step", action)

    async def _ask(self, what, data):
        self.inq.put((what, data))
        self._answer = asyncio.ensure_future(asyncio.to_thread(self.outq.get))
        return await asyncio.shield(self._answer)
