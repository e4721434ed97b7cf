"""Work that a copy of this process does while this one goes on.

What several stages read, the model of a whole package, is too large to be handed to another process; a copy has it.
"""

from __future__ import annotations

import os
import pickle
import sys
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, BinaryIO, TypeVar

T = TypeVar("T")

CAN_FORK = sys.platform == "linux"
"""Elsewhere a copy of a process is not safe to go on with, or cannot be had."""


class CopyDiedError(RuntimeError):
    """The copy ended without a word: it was killed, or ran out of memory."""


@contextmanager
def forked(work: Callable[[], T], jobs: int) -> Generator[Callable[[], T]]:
    """Do a piece of work beside the block.

    Args:
        work: gives its outcome, which can be pickled. It changes nothing of this process, in which it may not run.
        jobs: processes that may be used; with one, the work is done when its outcome is asked for.

    Yields:
        Waits for the outcome. What the work raised is raised there.
    """
    if jobs <= 1 or not CAN_FORK:
        yield work
        return
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # Other threads of this process, such as one that shows progress, hold nothing that the work needs.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        os.close(reading)  # Else it would never learn that nobody reads any more.
        _work_and_leave(work, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as outcome:
        try:
            yield lambda: _outcome(outcome)
        finally:
            # A copy that nobody waits for any more finds that its pipe is closed, and leaves.
            outcome.close()
            os.waitpid(child, 0)


def _work_and_leave(work: Callable[[], object], writing: int) -> None:
    """Run in the copy: it leaves at once, so that nothing is cleaned up that is still the first one's."""
    status = 1
    try:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(_said(work))
        status = 0
    finally:
        os._exit(status)


def _said(work: Callable[[], object]) -> bytes:
    try:
        return pickle.dumps((True, work()))
    except BaseException as error:  # It is raised where the outcome is asked for.
        return pickle.dumps((False, error))


def _outcome(pipe: BinaryIO) -> Any:
    try:
        succeeded, outcome = pickle.load(pipe)
    except EOFError:
        raise CopyDiedError("a copy of this process ended before its work was done: is there memory enough?") from None
    if not succeeded:
        raise outcome
    return outcome
