"""Garbage collection, which the trees of a release make dear: nothing of them is garbage until the work is done."""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def no_collection() -> Generator[None]:
    """Leave out the collection of cycles, which would go through a growing model again and again.

    A third of a sync's time went there, and a fourth more memory is what it saved.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
