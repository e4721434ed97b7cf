from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from dspy.dsp.utils.settings import Settings
from dspy.utils.supplied import bind, ready, takes_settings, wants_settings


# --- patch ---
class Unbatchify:
    def __init__(
        self,
        batch_fn: Callable[..., Any],
        max_batch_size: int = 32,
        max_wait_time: float = 0.1,
    ):
        """
        Makes a function of many items one of a single item: calls that come at the same time go to it together.

        Args:
            batch_fn: The function of a list that gives a list of as many results. Async or not, with settings first or
                not. If it takes settings, only calls go together whose settings hold the same values; which modules
                a call came through makes no difference. A batch is handed the settings of its first call, and as
                `caller_modules` the modules that all its calls came through.
            max_batch_size: How many items go together at most.
            max_wait_time: How long the first item of a batch waits for others, in seconds.
        """
        self.batch_fn = batch_fn
        self.max_batch_size = max_batch_size
        self.max_wait_time = max_wait_time
        self._closed = False
        self._open: dict[Any, _Batch] = {}

    @takes_settings
    async def __call__(self, settings: Settings, input_item: Any) -> Any:
        """
        Processes one item, together with those of calls made at the same time.

        Args:
            settings: What the batch function gets, if it takes settings.
            input_item: The item.

        Returns:
            The result for this item.

        Raises:
            RuntimeError: It is closed.
        """
        if self._closed:
            raise RuntimeError("Unbatchify is closed")
        loop = asyncio.get_running_loop()
        key = loop, _told_apart_by(settings) if wants_settings(self.batch_fn) else None
        batch = self._open.get(key)
        if batch is None:
            batch = self._open[key] = _Batch(settings)
            batch.task = loop.create_task(self._process(key, batch))
        batch.came_through(settings.get("caller_modules"))
        future = loop.create_future()
        batch.calls.append((input_item, future))
        if len(batch.calls) >= self.max_batch_size:
            self._begin(key, batch)
        try:
            return await future
        finally:
            # Where nobody waits any more, what runs for the batch ends.
            if all(other.done() for _, other in batch.calls):
                self._begin(key, batch)
                await batch.end()

    def _begin(self, key: Any, batch: _Batch) -> None:
        if self._open.get(key) is batch:
            del self._open[key]
        batch.full.set()

    async def _process(self, key: Any, batch: _Batch) -> None:
        try:
            await asyncio.wait_for(batch.full.wait(), self.max_wait_time)
        except asyncio.TimeoutError:
            self._begin(key, batch)
        calls = [(item, future) for item, future in batch.calls if not future.done()]
        if not calls:
            # Before Python 3.12 `wait_for` takes no notice of being cancelled once what it waits for is there.
            return
        try:
            outputs = await ready(bind(self.batch_fn, batch.settings)([item for item, _ in calls]))
            for output, (_, future) in zip(outputs, calls, strict=True):
                if not future.done():
                    future.set_result(output)
        except Exception as e:
            batch.fail(e)

    def close(self):
        """
        Takes no more items. Calls that wait get a RuntimeError.
        """
        self._closed = True
        while self._open:
            _, batch = self._open.popitem()
            batch.fail(RuntimeError("Unbatchify is closed"))

    def __enter__(self):
        """
        Enables use as a context manager.
        """
        return self

    def __exit__(self, exc_type, exc_value, traceback):
        """
        Closes it.
        """
        self.close()

    def __getstate__(self):
        return {**self.__dict__, "_open": {}}


_PLAIN = (str, int, float, bool, type(None))
"""What is the same where it is equal. Of anything else, two that are equal may yet be two: clients, lists to add to."""


def _told_apart_by(settings: Settings) -> frozenset[Any]:
    """What settings must have in common to share a batch: every value but the modules that a call came through.

    Each module hands its calls a child of its settings that differs in these alone.
    """
    values = settings.copy().items()
    return frozenset(
        (name, type(value), value if type(value) in _PLAIN else id(value))
        for name, value in values
        if name != "caller_modules"
    )


class _Batch:
    """Calls that go together, and the task that works for them."""

    task: asyncio.Task[None]

    def __init__(self, first: Settings):
        # As they are now, whatever they are configured to later: it is for these values that calls join. Held here,
        # none of them makes room for another object of its `id` while the batch is open.
        self.settings = first.context()
        self.calls: list[tuple[Any, asyncio.Future[Any]]] = []
        self.full = asyncio.Event()

    def came_through(self, modules: list[Any] | None) -> None:
        """Leave out of the batch's modules those that another of its calls did not come through.

        What the batch asks a language model goes into the history of its modules: one program's question must not
        be found in another's.
        """
        mine = self.settings.get("caller_modules")
        if mine and mine is not modules:
            others = {id(module) for module in modules or ()}
            self.settings.caller_modules = [module for module in mine if id(module) in others] or None

    def fail(self, error: Exception) -> None:
        for _, future in self.calls:
            if not future.done():
                future.set_exception(error)

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])
