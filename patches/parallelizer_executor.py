from __future__ import annotations

import asyncio
import collections
import contextlib
import copy
import inspect
import logging
import signal
import sys
import threading
import time
import traceback
from typing import Any

import tqdm
from dspy.dsp.utils.settings import Settings
from dspy.utils.callback_context import _bind_active_call_id
from dspy.utils.supplied import bind, ready, takes_settings

logger = logging.getLogger(__name__)


# --- patch ---
class ParallelExecutor:
    def __init__(
        self,
        num_threads=None,
        max_errors=None,
        disable_progress_bar=False,
        provide_traceback=None,
        compare_results=False,
        timeout=120,
        straggler_limit=3,
    ):
        """
        Applies a function to many items, some of them at a time, on the event loop.

        Every item works with settings and usage of its own and belongs to the call that was active when it began.
        What is None here is read from the settings that `execute` is handed.

        Args:
            num_threads: How many items are in flight at once.
            max_errors: How many items may fail; the one after stops everything.
            disable_progress_bar: Whether to show no progress.
            provide_traceback: Whether errors are logged with their traceback.
            compare_results: Whether the last element of a result is a score, for the progress bar to add up.
            timeout: Seconds after which a straggler is started a second time; 0 for never.
            straggler_limit: The number of unfinished items at or below which they count as stragglers.
        """
        self.num_threads = num_threads
        self.max_errors = max_errors
        self.disable_progress_bar = disable_progress_bar
        self.provide_traceback = provide_traceback
        self.compare_results = compare_results
        self.timeout = timeout
        self.straggler_limit = straggler_limit

        self.error_count = 0
        self.cancelled = False
        self.failed_indices = []
        self.exceptions_map = {}

    @takes_settings
    async def execute(self, settings: Settings, function, data):
        """Apply `function(settings, item)`, or `function(item)`, to every item.

        Args:
            settings: Each item gets a child of them.
            function: A coroutine function or a plain one.
            data: The items, in a sequence.

        Returns:
            The results in the order of the items, None for those that failed.
        """
        tqdm.tqdm._instances.clear()
        run = _Run(self, settings, _bind_active_call_id(function), data)
        with _stopped_by_interrupt(self):
            await (run.one_by_one() if run.num_threads == 1 else run.together())

        if self.cancelled:
            logger.warning("Execution cancelled due to errors or interruption.")
            raise Exception("Execution cancelled due to errors or interruption.")

        return [None if result is _MISSING else result for result in run.results]

    def _update_progress(self, pbar, nresults, ntotal):
        if self.compare_results:
            pct = round(100 * nresults / ntotal, 1) if ntotal else 0
            pbar.set_description(f"Average Metric: {nresults:.2f} / {ntotal} ({pct}%)")
        else:
            pbar.set_description(f"Processed {nresults} / {ntotal} examples")
        pbar.update()


class _Run:
    """One execution: its items, what came of them so far, and the tasks under way."""

    def __init__(self, executor: ParallelExecutor, settings: Settings, function, data):
        self.executor = executor
        self.settings = settings
        self.function = function
        self.data = data
        self.num_threads = executor.num_threads or settings.num_threads
        if self.num_threads <= 0:
            raise ValueError("max_workers must be greater than 0")
        self.max_errors = settings.max_errors if executor.max_errors is None else executor.max_errors
        self.provide_traceback = executor.provide_traceback
        if self.provide_traceback is None:
            self.provide_traceback = settings.provide_traceback

        self.results = [_MISSING] * len(data)
        self.finished = 0
        self.scored = 0
        self.total_score = 0
        self.pbar = None

    @contextlib.contextmanager
    def _progress(self):
        self.pbar = tqdm.tqdm(
            total=len(self.data),
            dynamic_ncols=True,
            disable=self.executor.disable_progress_bar,
            file=sys.stdout,
        )
        try:
            yield
        finally:
            self.pbar.close()

    async def one_by_one(self):
        """Work through the items in order, in the caller's own task."""
        with self._progress():
            try:
                for index, item in enumerate(self.data):
                    if self.executor.cancelled:
                        break
                    self._settle(index, await self._outcome(self.settings.context(), item))
            except KeyboardInterrupt:
                _interrupt([self.executor])
                raise

    async def together(self):
        """Work on several items at once. Whatever is still under way at the end is cancelled and waited for."""
        waiting = collections.deque(enumerate(self.data))
        tasks = {}
        resubmitted = set()
        with self._progress():
            try:
                while not self.executor.cancelled and self.finished < len(self.data):
                    while waiting and len(tasks) < self.num_threads:
                        index, item = waiting.popleft()
                        task = asyncio.create_task(self._task(item))
                        tasks[task] = (index, item, time.monotonic())
                    if not tasks:
                        break

                    # Not longer than a second: an interrupt or a straggler wakes nobody.
                    done, _ = await asyncio.wait(tasks, timeout=1, return_when=asyncio.FIRST_COMPLETED)
                    for task in sorted(done, key=lambda task: tasks[task][0]):
                        index, _, _ = tasks.pop(task)
                        self._settle(index, task.result())

                    if self.executor.timeout > 0 and len(tasks) + len(waiting) <= self.executor.straggler_limit:
                        now = time.monotonic()
                        for task, (index, item, started) in tasks.items():
                            if task not in resubmitted and now - started >= self.executor.timeout:
                                resubmitted.add(task)
                                waiting.append((index, item))
            finally:
                for task in tasks:
                    task.cancel()
                if tasks:
                    await asyncio.gather(*tasks, return_exceptions=True)

    async def _task(self, item) -> Any:
        try:
            return await self._outcome(self._child(), item)
        except (KeyboardInterrupt, SystemExit) as e:
            # Out of a task it would end the event loop; it is the caller who is to see it.
            return _Leave(e)

    def _child(self) -> Settings:
        tracker = self.settings.get("usage_tracker")
        # Each item counts its own usage.
        return self.settings.context(usage_tracker=copy.deepcopy(tracker)) if tracker else self.settings.context()

    async def _outcome(self, settings: Settings, item) -> Any:
        """The result of an item, or the exception it failed with, which is logged and counted."""
        try:
            return await ready(bind(self.function, settings)(item))
        except Exception as e:
            self.executor.error_count += 1
            if self.executor.error_count >= self.max_errors:
                self.executor.cancelled = True
            if self.provide_traceback:
                logger.error(f"Error for {item}: {e}\n{traceback.format_exc()}")
            else:
                logger.error(f"Error for {item}: {e}. Set `provide_traceback=True` for traceback.")
            return e

    def _settle(self, index: int, outcome: Any) -> None:
        """Keep an outcome, the first one of its item, and show the progress."""
        if isinstance(outcome, _Leave):
            raise outcome.exception
        if self.results[index] is _MISSING:
            if isinstance(outcome, Exception):
                self.executor.failed_indices.append(index)
                self.executor.exceptions_map[index] = outcome
            else:
                self.results[index] = outcome
                self.finished += 1
                if self.executor.compare_results and outcome is not None:
                    self.scored += 1
                    self.total_score += _score(outcome[-1])
        if self.executor.compare_results:
            self.executor._update_progress(self.pbar, self.total_score, self.scored)
        else:
            self.executor._update_progress(self.pbar, self.finished, len(self.data))


def _score(score: Any) -> Any:
    if inspect.iscoroutine(score):
        raise TypeError(
            f"The score is a coroutine, of {score.__qualname__}(), that nobody awaited. Await in the metric what it "
            "calls, as in `return await judge(settings, ...)`."
        )
    return score


class _Leave:
    def __init__(self, exception: BaseException):
        self.exception = exception


_MISSING = object()
_interruptible: list[ParallelExecutor] = []
_outer_handlers: list[Any] = []


def _on_interrupt(signum, frame):
    _interrupt(_interruptible)
    outer = _outer_handlers[-1]
    if callable(outer):
        outer(signum, frame)


def _interrupt(executors: list[ParallelExecutor]) -> None:
    if not all(executor.cancelled for executor in executors):
        logger.warning("SIGINT received. Cancelling.")
    for executor in executors:
        executor.cancelled = True


@contextlib.contextmanager
def _stopped_by_interrupt(executor: ParallelExecutor):
    """Let Ctrl-C stop an executor before it goes on to whoever handles it.

    Signal handlers belong to the process and executors come and go in any order, so that all share one handler, which
    the first one installs and the last one takes away.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    if not _interruptible:
        _outer_handlers.append(signal.signal(signal.SIGINT, _on_interrupt))
    _interruptible.append(executor)
    try:
        yield
    finally:
        _interruptible.remove(executor)
        if not _interruptible:
            outer = _outer_handlers.pop()
            if signal.getsignal(signal.SIGINT) is _on_interrupt:
                signal.signal(signal.SIGINT, outer if outer is not None else signal.SIG_DFL)
