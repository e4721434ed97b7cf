"""Objects that serve one task at a time."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextvars import ContextVar
from typing import Any

from dspy.dsp.utils.settings import Settings
from dspy.utils.blocking import lock_of

_held: ContextVar[frozenset[object]] = ContextVar("turns_held", default=frozenset())


class Turn:
    """Whose turn it is with an object.

    The task that has the turn may take it again, and so may tasks started meanwhile below it, such as those of a tool
    that is being called. A copy of an object, pickled or not, has a turn of its own.
    """

    def __init__(self) -> None:
        self.settings: Settings | None = None
        """What an object may keep here of the call that has the turn: for `__aexit__`, which is handed no settings."""
        self._holder: object | None = None

    @classmethod
    def of(cls, owner: Any) -> Turn:
        """The turn of an object, made when it is first asked for. It is kept on the object, and ends with it."""
        return owner.__dict__.setdefault("_turn", cls())

    def __deepcopy__(self, memo: dict[int, Any]) -> Turn:
        return type(self)()

    def __reduce__(self) -> tuple[type[Turn], tuple[()]]:
        return type(self), ()

    @property
    def taken(self) -> bool:
        """Whether a task has it."""
        return self._holder is not None

    @contextlib.asynccontextmanager
    async def taking(self) -> AsyncIterator[None]:
        """Wait for the turn, and have it for a block."""
        if self._holder is not None and self._holder in _held.get():
            yield
            return
        async with lock_of(self):
            self._holder = object()
            token = _held.set(_held.get() | {self._holder})
            try:
                yield
            finally:
                self._holder = None
                _held.reset(token)
