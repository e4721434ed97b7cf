"""Calls that are many at once share the event loop with whatever else runs on it.

Several hundred calls that begin together, or whose cached answers arrive together, have a fraction of a millisecond of
work each: prompts to format, answers to parse. In one turn of the loop that is a tenth of a second in which nothing
else runs. Here the work is spread over many turns.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Any
from weakref import WeakValueDictionary

BUDGET = 0.002
"""Seconds that calls may take of one turn of the loop before the next of them waits for a turn of its own."""


async def pace() -> None:
    """Wait for a later turn of the event loop if calls have used up their time in this one, or others wait already.

    Those who wait go in the order in which they came, one a turn. Where one goes on to another call without having
    waited for anything else, it is before them all: calls whose LM answers at once come in the order in which they
    would come without this.
    """
    loop = asyncio._get_running_loop()
    queue = _queues.get(id(loop))
    if queue is None:
        if loop is not None:  # else it is driven by hand, and there is nobody to wait for
            _queues[id(loop)] = _Queue()
    elif not queue.is_free():
        await queue.wait()


class _Queue:
    """The calls of one event loop that wait, from the first call in a turn until none is left.

    Only what the loop has still to do holds it, so it ends when there is nothing to do, or with the loop.
    """

    __slots__ = ("__weakref__", "_running", "_started", "_waiting")

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._running: asyncio.Task[Any] | None = None
        """The task that was let go, until its step is over."""
        self._waiting: deque[asyncio.Future[None]] = deque()
        asyncio.get_running_loop().call_soon(self._let_go)

    def is_free(self) -> bool:
        """Whether the current task may go on: there is time left, and nobody is before it."""
        if time.perf_counter() - self._started > BUDGET:
            return False
        return not self._waiting or self._running is asyncio.current_task()

    async def wait(self) -> None:
        """Wait until the current task is let go. One that is cancelled meanwhile takes nobody's turn."""
        task = asyncio.current_task()
        waiter = asyncio.get_running_loop().create_future()
        if self._running is task:
            self._waiting.appendleft(waiter)
        else:
            self._waiting.append(waiter)
        await waiter
        self._running, self._started = task, time.perf_counter()

    def _let_go(self) -> None:
        # The step of the task that was let go before is over: the loop does in order what it is told to do soon.
        self._running = None
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                asyncio.get_running_loop().call_soon(self._let_go)
                return


_queues: WeakValueDictionary[int, _Queue] = WeakValueDictionary()
