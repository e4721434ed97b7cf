"""What a worker thread makes for a call that may not want it any more by then."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from dspy.utils.supplied import ready

logger = logging.getLogger(__name__)

T = TypeVar("T")


async def made_in_thread(make: Callable[[], T], discard: Callable[[T], Any]) -> T:
    """Make something that has to be ended, in a worker thread.

    Where the wait is cancelled it ends at once, and the thread when `make` returns. What is made then is discarded.

    Args:
        make: Blocks until it has made something.
        discard: Ends what nobody waits for any more, and is awaited if need be: on the event loop, or in the thread, on
            a loop of its own. What it raises is logged.
    """
    handover = _Handover[T]()

    def work() -> T:
        made = make()
        if not handover.offer(made):
            asyncio.run(_discarded(discard, made))
        return made

    try:
        return await asyncio.to_thread(work)
    except asyncio.CancelledError:
        # It may have been made, with only the news of it still on its way.
        for made in handover.refuse():
            await _discarded(discard, made)
        raise
    except GeneratorExit:
        handover.refuse()
        raise


async def _discarded(discard: Callable[[T], Any], made: T) -> None:
    try:
        await ready(discard(made))
    except Exception:
        logger.warning(f"What was made for a call that was cancelled could not be ended: {made!r}", exc_info=True)


class _Handover(Generic[T]):
    """What one thread makes for another that may not want it any more: one of them has it, never both or neither."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted = True
        self._made: list[T] = []

    def offer(self, made: T) -> bool:
        """Whether it is still wanted."""
        with self._lock:
            self._made.append(made)
            return self._wanted

    def refuse(self) -> list[T]:
        """Want nothing any more; gives what was made until now."""
        with self._lock:
            self._wanted = False
            return list(self._made)
