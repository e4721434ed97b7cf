"""Calls of models that are many at once share the event loop with whatever else runs on it.

Several hundred calls that begin together, or whose cached answers come together, have a fraction of a millisecond of
work each: prompts to format, answers to parse. In one turn of the loop that is a tenth of a second in which nothing
else runs. Here each of them has a turn of its own. No clock is asked: a busy machine changes nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextvars import Context
from typing import Any
from weakref import WeakValueDictionary


async def pace(*, always: bool = False) -> None:
    """Go on if no other task has this turn of the event loop, else wait for one of the next, in the order of coming.

    A task that has the turn may come again, and goes on. Where it is over when the next one comes, it has waited for
    nothing, as its model answered at once, and the next one takes its place: such tasks run one after another, as they
    would without this.

    Args:
        always: Wait for a turn of one's own rather than take the place of a task that is over.
    """
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no loop: the coroutine is driven by hand
        return
    if task is None:
        return
    loop = task.get_loop()
    turn = _turns.get(id(loop))
    if turn is None:
        _turns[id(loop)] = _Turn(loop, task)
    elif not turn.is_for(task, always):
        await turn.next_one(task)


class _Turn:
    """The turn of an event loop that a task has, and those who wait for the next ones.

    What the loop has still to do holds it, and nothing else: it ends when nobody waits, or with the loop.
    """

    __slots__ = ("__weakref__", "_context", "_loop", "_shared", "_task", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]) -> None:
        self._loop = loop  # while it is held, no other one has its identity
        self._task = task
        self._shared = False
        """Whether the task took the place of another one."""
        self._waiting: deque[tuple[asyncio.Task[Any], asyncio.Future[None]]] = deque()
        self._context = Context()  # that of the first task would be held for as long as somebody waits
        self._end_soon()

    def is_for(self, task: asyncio.Task[Any], always: bool) -> bool:
        """Whether a task may go on in this turn."""
        if task is not self._task:
            if self._waiting or not self._task.done():
                return False
            self._task, self._shared = task, True
        return not (always and self._shared)

    def next_one(self, task: asyncio.Task[Any]) -> asyncio.Future[None]:
        """A turn of the task's own, to wait for. If the task is cancelled meanwhile, it takes nobody's turn."""
        waiter = self._loop.create_future()
        self._waiting.append((task, waiter))
        return waiter

    def _end_soon(self) -> None:
        # The loop does in order what it is told to do soon: by then, the task that has the turn now waits or is over.
        self._loop.call_soon(self._end, context=self._context)

    def _end(self) -> None:
        while self._waiting:
            task, waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                # The turn is its own from now on: others may come before the loop goes on with it.
                self._task, self._shared = task, False
                self._end_soon()
                return


_turns: WeakValueDictionary[int, _Turn] = WeakValueDictionary()
