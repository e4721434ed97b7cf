"""Downloads that a constructor is asked for, and that wait until what is downloaded is wanted.

A value that a model is to have holds an `Undownloaded` in its place. Who reads the value gets it downloaded, by
`download_fields`; a coroutine that is about to hand it to code which reads it awaits `downloaded` before.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from typing import Any
from weakref import WeakSet

import pydantic

_waiting: WeakSet[Undownloaded] = WeakSet()
"""Those that have not been downloaded: mostly none, so that nobody has to look for them."""


class Undownloaded(str):
    """The address of something that is to be downloaded.

    Args:
        address: The address, which is what it is as a string.
        fetch: Downloads it, once, and blocks meanwhile.
    """

    _fetch: Callable[[], str]
    _lock: threading.Lock
    _content: str | None

    def __new__(cls, address: str, fetch: Callable[[], str]) -> Undownloaded:
        self = super().__new__(cls, address)
        self._fetch = fetch
        self._lock = threading.Lock()
        self._content = None
        _waiting.add(self)
        return self

    # It is found by what it is, not by its address.
    __hash__ = object.__hash__  # type: ignore[assignment]
    __eq__ = object.__eq__  # type: ignore[assignment]

    def content(self) -> str:
        """What was downloaded, or is now. An error is raised each time, as the next attempt may succeed."""
        with self._lock:
            if self._content is None:
                self._content = self._fetch()
                _waiting.discard(self)
            return self._content


def keep_download(model: pydantic.BaseModel, field: str, value: Any) -> None:
    """Let a field of a model that was made be downloaded later, if its value was to be.

    Args:
        model: The model, which is given the address by its own constructor.
        field: The field.
        value: What the constructor was given.
    """
    if isinstance(value, Undownloaded):
        _fields(model)[field] = value


def download_fields(model: pydantic.BaseModel) -> None:
    """Put what is downloaded into the place of what waits for it."""
    fields = _fields(model)
    for name, value in fields.items():
        if type(value) is Undownloaded:
            fields[name] = value.content()


async def downloaded(*values: Any) -> None:
    """Download, in worker threads, whatever waits for it in the values: inputs, demos, and what they consist of.

    Raises:
        Exception: The first error that a download ended with, once all have ended.
    """
    if not _waiting:
        return
    found = {id(each): each for each in _undownloaded(values, set())}
    downloads = (asyncio.to_thread(each.content) for each in found.values())
    for result in await asyncio.gather(*downloads, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


def _undownloaded(value: Any, seen: set[int]) -> Iterator[Undownloaded]:
    if isinstance(value, Undownloaded):
        yield value
    elif id(value) not in seen:
        parts = _parts(value)
        if parts:
            seen.add(id(value))
        for part in parts:
            yield from _undownloaded(part, seen)


def _parts(value: Any) -> list[Any]:
    # Not above: types of adapters are imported before examples are.
    from dspy.primitives.example import Example

    if isinstance(value, pydantic.BaseModel):
        return list(_fields(value).values())
    if isinstance(value, Example):
        return value.values(include_dspy=True)
    if isinstance(value, Mapping):
        return list(value.values())
    if isinstance(value, Sequence | Set) and not isinstance(value, str | bytes | bytearray):
        return list(value)
    return []


def _fields(model: pydantic.BaseModel) -> dict[str, Any]:
    """The fields of a model as they are held, past whatever the model does when they are read."""
    return object.__getattribute__(model, "__dict__")
