"""One command at a time on a cache, of those that run tests: they keep their packages and runs in the same folders."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

LOCK_FILE = "tests.lock"
"""In the cache. It stays there; what counts is whether a living process holds it."""


@contextmanager
def turn(cache: Path, announce: Callable[[str], None]) -> Generator[None]:
    """Wait until no other command runs tests with a cache, and keep others waiting while the block runs.

    Args:
        cache: the directory that is used.
        announce: told that there is something to wait for, and what.
    """
    cache.mkdir(parents=True, exist_ok=True)
    lock = FileLock(cache / LOCK_FILE)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        announce(f"waits for another command that runs tests with the cache {cache}")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
