from __future__ import annotations

import os
import pickle
import signal
import threading
import time
from collections.abc import Callable

import pytest

from codemods import forked as module
from codemods.errors import ToolError
from codemods.forked import CAN_FORK, CopyDiedError, forked

needs_fork = pytest.mark.skipif(not CAN_FORK, reason="this system has no safe copy of a process")


def pid() -> int:
    return os.getpid()


@needs_fork
def test_the_work_is_done_in_another_process_beside_the_block() -> None:
    def late() -> tuple[int, float]:
        return os.getpid(), time.monotonic()

    with forked(late, 2) as outcome:
        time.sleep(0.2)
        ended = time.monotonic()
        child, done = outcome()
    assert child != os.getpid()
    assert done < ended


def test_with_one_process_it_is_done_here_when_it_is_asked_for() -> None:
    done: list[int] = []
    with forked(lambda: done.append(os.getpid()), 1) as outcome:
        assert done == []
        outcome()
    assert done == [os.getpid()]


def test_where_a_process_cannot_be_copied_it_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CAN_FORK", False)
    with forked(pid, 2) as outcome:
        assert outcome() == os.getpid()


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_the_work_raises_is_raised_where_it_is_asked_for(jobs: int) -> None:
    def fail() -> None:
        raise ToolError("no such thing", remedy="Make it.")

    with forked(fail, jobs) as outcome, pytest.raises(ToolError) as raised:
        outcome()
    assert (raised.value.problem, raised.value.remedy) == ("no such thing", "Make it.")


def test_an_outcome_is_as_large_as_it_likes() -> None:
    """More than a pipe holds: the copy goes on writing while it is read."""
    with forked(lambda: "x" * 10_000_000, 2) as outcome:
        assert len(outcome()) == 10_000_000


@needs_fork
def test_a_copy_that_is_killed_is_an_error() -> None:
    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with forked(die, 2) as outcome, pytest.raises(CopyDiedError, match="before its work was done"):
        outcome()


@needs_fork
def test_an_outcome_that_cannot_be_handed_over_is_an_error() -> None:
    def make() -> Callable[[], None]:
        return lambda: None

    with forked(make, 2) as outcome, pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        outcome()


@needs_fork
def test_no_process_is_left_when_the_block_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    fork = os.fork

    def noted() -> int:
        made.append(fork())
        return made[-1]

    monkeypatch.setattr(os, "fork", noted)
    with pytest.raises(ZeroDivisionError), forked(lambda: "x" * 10_000_000, 2):
        raise ZeroDivisionError
    with pytest.raises(ChildProcessError):  # It was waited for.
        os.waitpid(made[0], os.WNOHANG)


@needs_fork
@pytest.mark.filterwarnings("error")
def test_other_threads_are_no_matter() -> None:
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    try:
        with forked(pid, 2) as outcome:
            assert outcome() != os.getpid()
    finally:
        ended.set()
        thread.join()
