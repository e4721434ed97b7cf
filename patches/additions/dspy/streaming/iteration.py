"""Streams in code that is not async."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import AsyncGenerator, Generator
from queue import Queue
from typing import Any


def apply_sync_streaming(async_generator: AsyncGenerator[Any, None]) -> Generator[Any, None, None]:
    """Iterate an async generator from code that is not async, even where an event loop runs.

    Closing the iteration cancels the program behind it.
    """
    queue: Queue[tuple[Any, Any]] = Queue()
    end = object()
    context = contextvars.copy_context()

    async def forward() -> None:
        queue.put((asyncio.get_running_loop(), asyncio.current_task()))
        async with contextlib.aclosing(async_generator):
            async for item in async_generator:
                queue.put((item, None))

    def run() -> None:
        error = None
        try:
            context.run(asyncio.run, forward())
        except BaseException as e:
            error = e
        queue.put((end, error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    loop, task = queue.get()
    try:
        while True:
            item, error = queue.get()
            if error is not None:
                raise error
            if item is end:
                return
            yield item
    finally:
        with contextlib.suppress(RuntimeError):  # the loop has ended by itself
            loop.call_soon_threadsafe(task.cancel)
        thread.join()
