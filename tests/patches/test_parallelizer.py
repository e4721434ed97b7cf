"""The executor: order, errors, limits, stragglers, progress, cancellation, Ctrl-C; its texts are upstream's."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import threading
import time
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest

CANCELLED = r"^Execution cancelled due to errors or interruption\.$"
IN_FLIGHT = [1, 3]


@pytest.fixture
def executor(runtime: SimpleNamespace) -> Any:
    def make(num_threads: int | None = 3, **kwargs: Any) -> Any:
        return runtime.parallelizer.ParallelExecutor(num_threads, **{"disable_progress_bar": True, **kwargs})

    return make


async def fail_at_three(settings: Any, item: int) -> int:
    await asyncio.sleep(0)
    if item == 3:
        raise ValueError("no three")
    return item * 2


@pytest.mark.parametrize("num_threads", IN_FLIGHT)
async def test_results_are_in_the_order_of_the_items(runtime: Any, executor: Any, num_threads: int) -> None:
    async def later_for_smaller(settings: Any, item: int) -> int:
        await asyncio.sleep((5 - item) / 1000)
        return item

    assert await executor(num_threads).execute(runtime.Settings(), later_for_smaller, range(5)) == [0, 1, 2, 3, 4]
    assert await executor(num_threads).execute(runtime.Settings(), later_for_smaller, []) == []


@pytest.mark.parametrize("num_threads", IN_FLIGHT)
async def test_any_kind_of_function(runtime: Any, executor: Any, num_threads: int) -> None:
    async def without(item: int) -> int:
        return item

    run = executor(num_threads).execute
    settings = runtime.Settings(lm="m")
    assert await run(settings, without, [1, 2]) == [1, 2]
    assert await run(settings, lambda item: item, [1, 2]) == [1, 2]
    assert await run(settings, lambda settings, item: (settings.lm, item), [1, 2]) == [("m", 1), ("m", 2)]


async def test_at_most_so_many_in_flight(runtime: Any, executor: Any) -> None:
    now, most = 0, 0

    async def count(item: int) -> None:
        nonlocal now, most
        now += 1
        most = max(now, most)
        await asyncio.sleep(0.002)
        now -= 1

    await executor(3).execute(runtime.Settings(num_threads=5), count, range(12))
    assert most == 3
    most = 0
    await executor(None).execute(runtime.Settings(num_threads=5), count, range(12))
    assert most == 5
    most = 0
    await executor(1).execute(runtime.Settings(), count, range(4))
    assert most == 1


@pytest.mark.parametrize("num_threads", IN_FLIGHT)
async def test_errors_below_the_limit(
    runtime: Any, executor: Any, num_threads: int, caplog: pytest.LogCaptureFixture
) -> None:
    run = executor(num_threads, max_errors=2)
    assert await run.execute(runtime.Settings(), fail_at_three, [1, 2, 3, 4]) == [2, 4, None, 8]
    assert run.failed_indices == [2]
    assert repr(run.exceptions_map) == repr({2: ValueError("no three")})
    assert run.error_count == 1
    assert "Error for 3: no three. Set `provide_traceback=True` for traceback." in caplog.text


@pytest.mark.parametrize("num_threads", IN_FLIGHT)
async def test_errors_at_the_limit(
    runtime: Any, executor: Any, num_threads: int, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[int] = []

    async def failing(settings: Any, item: int) -> int:
        seen.append(item)
        return await fail_at_three(settings, item)

    run = executor(num_threads)
    with pytest.raises(Exception, match=CANCELLED) as error:
        await run.execute(runtime.Settings(max_errors=1), failing, [3, *range(10, 60)])
    assert type(error.value) is Exception
    assert "Execution cancelled due to errors or interruption." in caplog.text
    assert run.failed_indices == [0]
    assert len(seen) <= 2 * num_threads


@pytest.mark.parametrize("num_threads", IN_FLIGHT)
@pytest.mark.parametrize("from_settings", [True, False])
async def test_the_traceback(
    runtime: Any, executor: Any, num_threads: int, from_settings: bool, caplog: pytest.LogCaptureFixture
) -> None:
    settings = runtime.Settings(provide_traceback=from_settings)
    run = executor(num_threads, provide_traceback=None if from_settings else True)
    await run.execute(settings, fail_at_three, [3])
    assert re.search(r"Error for 3: no three\nTraceback \(most recent call last\):\n", caplog.text)
    assert 'raise ValueError("no three")' in caplog.text


@pytest.mark.parametrize("num_threads", IN_FLIGHT)
async def test_each_item_has_settings_of_its_own(runtime: Any, executor: Any, num_threads: int) -> None:
    settings = runtime.Settings(trace=[], mark="parent")

    async def change(settings: Any, item: int) -> Any:
        settings.configure(mark=item)
        await asyncio.sleep(0.001)
        settings.trace.append(item)
        return settings.mark

    assert await executor(num_threads).execute(settings, change, [1, 2, 3]) == [1, 2, 3]
    assert settings.mark == "parent"
    assert sorted(settings.trace) == [1, 2, 3]


async def test_usage_is_counted_per_item(runtime: Any, executor: Any) -> None:
    tracker = {"calls": ["before"]}

    async def use(settings: Any, item: int) -> Any:
        settings.usage_tracker["calls"].append(item)
        return settings.usage_tracker["calls"]

    settings = runtime.Settings(usage_tracker=tracker)
    assert await executor(2).execute(settings, use, [1, 2]) == [["before", 1], ["before", 2]]
    assert tracker == {"calls": ["before"]}


@pytest.mark.parametrize("num_threads", IN_FLIGHT)
async def test_items_belong_to_the_call_that_is_active(runtime: Any, executor: Any, num_threads: int) -> None:
    active = runtime.callback_context.ACTIVE_CALL_ID
    active.set("parent")

    async def leave_a_mark(item: int) -> Any:
        before = active.get()
        active.set(f"child {item}")
        return before

    assert await executor(num_threads).execute(runtime.Settings(), leave_a_mark, range(3)) == ["parent"] * 3
    assert active.get() == "parent"


@pytest.mark.parametrize("num_threads", IN_FLIGHT)
async def test_the_progress_bar(
    runtime: Any, executor: Any, num_threads: int, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = runtime.Settings()
    run = executor(num_threads, disable_progress_bar=False)
    await run.execute(settings, fail_at_three, [1, 2, 3])
    assert "Processed 2 / 3 examples" in capsys.readouterr().out

    async def score(item: int) -> Any:
        return ("prediction", item > 1) if item else None

    run = executor(num_threads, disable_progress_bar=False, compare_results=True)
    assert await run.execute(settings, score, [0, 1, 2]) == [None, ("prediction", False), ("prediction", True)]
    assert "Average Metric: 1.00 / 2 (50.0%)" in capsys.readouterr().out


@pytest.mark.parametrize("num_threads", IN_FLIGHT)
async def test_an_item_without_result_is_finished_too(runtime: Any, executor: Any, num_threads: int) -> None:
    run = executor(num_threads)
    with mock.patch.object(run, "_update_progress") as progress:
        assert await run.execute(runtime.Settings(), lambda _: None, range(5)) == [None] * 5
    assert progress.call_args == mock.call(mock.ANY, 5, 5)


async def test_a_straggler_is_started_again_and_the_first_to_end_counts(runtime: Any, executor: Any) -> None:
    started: list[int] = []
    cancelled: list[int] = []

    async def hang_the_first_time(item: int) -> str:
        started.append(item)
        if item == 2 and started.count(2) == 1:
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.append(item)
        return f"{item} in try {started.count(item)}"

    before = asyncio.all_tasks()
    run = executor(4, timeout=0.05, straggler_limit=1)
    results = await run.execute(runtime.Settings(), hang_the_first_time, [0, 1, 2, 3])
    assert results == ["0 in try 1", "1 in try 1", "2 in try 2", "3 in try 1"]
    assert cancelled == [2]
    assert asyncio.all_tasks() == before


async def test_no_straggler_without_timeout_or_above_the_limit(runtime: Any, executor: Any) -> None:
    started: list[int] = []

    async def slow(item: int) -> int:
        started.append(item)
        await asyncio.sleep(1.2 if item else 0)
        return item

    await asyncio.gather(
        executor(4, timeout=0).execute(runtime.Settings(), slow, range(3)),
        executor(4, timeout=0.01, straggler_limit=1).execute(runtime.Settings(), slow, range(3)),
    )
    assert sorted(started) == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize("num_threads", IN_FLIGHT)
async def test_cancelling_cancels_what_it_started(runtime: Any, executor: Any, num_threads: int) -> None:
    cancelled: list[int] = []

    async def hang(item: int) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(item)
            raise

    before, threads = asyncio.all_tasks(), threading.enumerate()
    task = asyncio.create_task(executor(num_threads).execute(runtime.Settings(), hang, range(9)))
    await asyncio.sleep(0.02)
    begun = time.perf_counter()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.perf_counter() - begun < 0.5
    assert cancelled == list(range(num_threads))
    assert asyncio.all_tasks() == before
    assert threading.enumerate() == threads


@pytest.mark.parametrize("num_threads", IN_FLIGHT)
async def test_an_interrupt_raised_by_an_item_reaches_the_caller(
    runtime: Any, executor: Any, num_threads: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def leave(item: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await executor(num_threads).execute(runtime.Settings(), leave, range(3))


@pytest.mark.parametrize("num_threads", IN_FLIGHT)
def test_ctrl_c(runtime: Any, executor: Any, num_threads: int, caplog: pytest.LogCaptureFixture) -> None:
    handler = signal.getsignal(signal.SIGINT)
    ended: list[int] = []

    async def press(item: int) -> None:
        try:
            await asyncio.sleep(0.01)
            if item == 0:
                os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(5)
        finally:
            ended.append(item)

    async def main() -> None:
        await asyncio.gather(
            executor(num_threads).execute(runtime.Settings(), press, range(9)),
            executor(num_threads).execute(runtime.Settings(), press, range(1, 9)),
        )

    begun = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(main())
    assert time.perf_counter() - begun < 2
    assert caplog.text.count("SIGINT received. Cancelling.") == 1
    assert len(ended) == 2 * num_threads
    assert signal.getsignal(signal.SIGINT) is handler


def test_ctrl_c_that_somebody_else_handles(runtime: Any, executor: Any, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda *_: seen.append(1))

    async def press(item: int) -> None:
        if item == 0:
            os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(0)

    try:
        with pytest.raises(Exception, match=CANCELLED):
            asyncio.run(executor(2).execute(runtime.Settings(), press, range(99)))
    finally:
        signal.signal(signal.SIGINT, handler)
    assert seen == [1]


def test_executors_that_overlap_leave_the_handler_as_it_was(runtime: Any, executor: Any) -> None:
    async def main() -> None:
        during = signal.getsignal(signal.SIGINT)
        gates = [asyncio.Event(), asyncio.Event()]
        tasks = [
            asyncio.create_task(executor(2).execute(runtime.Settings(), lambda _, g=gate: g.wait(), [1]))
            for gate in gates
        ]
        await asyncio.sleep(0.01)
        for gate, task in zip(gates, tasks, strict=True):
            gate.set()
            await task
        assert signal.getsignal(signal.SIGINT) is during

    asyncio.run(main())


def test_outside_of_the_main_thread(runtime: Any, executor: Any) -> None:
    results: list[Any] = []

    def work() -> None:
        with contextlib.suppress(Exception):
            results.append(asyncio.run(executor(2).execute(runtime.Settings(), lambda x: x, [1, 2])))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert results == [[1, 2]]


async def test_settings_are_required(executor: Any) -> None:
    with pytest.raises(TypeError, match=r"ParallelExecutor\.execute\(\) needs a dspy\.Settings"):
        await executor(2).execute(lambda x: x, [1])


async def test_fewer_than_none_in_flight_are_refused_as_upstream_does(runtime: Any, executor: Any) -> None:
    with pytest.raises(ValueError, match="max_workers must be greater than 0"):
        await executor(-1).execute(runtime.Settings(), lambda settings, item: item, range(3))
