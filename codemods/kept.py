"""Results that are kept between runs, by a digest of everything they were worked out of.

What is found again is what would be worked out again, so a run with a full store, an empty one or none gives the same
bytes. The store can be deleted at any time.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Protocol, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")

DIRECTORY = "kept"
"""Where, in the cache, the store is."""
SIZE_LIMIT = 512 * 2**20
"""Bytes; what was stored first goes first."""
_TOOLS = ("libcst", "pydantic", "ruff")
"""Distributions that the results depend on, beside the toolchain itself."""


class _Table(Protocol):
    """What is used of `diskcache.Cache`, which has no annotations."""

    def get(self, key: str) -> object: ...
    def set(self, key: str, value: bytes) -> bool: ...


class Store:
    """Texts and values by digest, on disk. Without a folder, or with one that is of no use, it holds nothing.

    Args:
        folder: where it is kept; it is made if it is not there.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._table = _open(folder) if folder is not None else None

    def text(self, key: str) -> str | None:
        """The text that was put under a key."""
        content = self._get(key)
        return content.decode() if content is not None else None

    def put_text(self, key: str, text: str) -> None:
        """Keep a text."""
        self._put(key, text.encode())

    def value(
        self, kind: type[T], key: str, make: Callable[[], T], keep: Callable[[T], T | None] = lambda made: made
    ) -> T:
        """The value under a key, made where it is not there.

        Args:
            kind: its type: a dataclass or model of plain data.
            key: see `digest`.
            make: makes it.
            keep: what is kept of one that was made; None for nothing.
        """
        found = self.found(kind, key)
        if found is not None:
            return found
        made = make()
        kept = keep(made)
        if kept is not None:
            self.put(kind, key, kept)
        return made

    def found(self, kind: type[T], key: str) -> T | None:
        """The value that was put under a key; None where there is none, or one of another form."""
        content = self._get(key)
        if content is not None:
            with suppress(ValidationError):
                return cast("T", _adapter(kind).validate_json(content))
        return None

    def has(self, key: str) -> bool:
        """Whether anything was put under a key."""
        return self._get(key) is not None

    def put(self, kind: type[T], key: str, value: T) -> None:
        """Keep a value: see `value`."""
        self._put(key, _adapter(kind).dump_json(value))

    def _get(self, key: str) -> bytes | None:
        if self._table is None:
            return None
        try:
            found = self._table.get(key)
            content = zlib.decompress(found) if isinstance(found, bytes) else b""
        except (sqlite3.Error, OSError, zlib.error):
            return None
        # A digest of the content stands before it: what was damaged is not there.
        mark, _, body = content.partition(b"\n")
        return body if content and mark == _mark(body) else None

    def _put(self, key: str, content: bytes) -> None:
        if self._table is not None:
            # A full or read-only disk costs time and nothing else.
            with suppress(sqlite3.Error, OSError):
                self._table.set(key, zlib.compress(_mark(content) + b"\n" + content, 1))


@lru_cache(None)
def _adapter(kind: type[object]) -> TypeAdapter[object]:
    return TypeAdapter(kind)


def _mark(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()


def _open(folder: Path) -> _Table | None:
    import diskcache  # pyright: ignore[reportMissingTypeStubs]

    try:
        return cast("_Table", diskcache.Cache(str(folder), size_limit=SIZE_LIMIT))
    except (sqlite3.Error, OSError):
        return None


def digest(kind: str, *parts: str | bytes | Iterable[str] | Mapping[str, str]) -> str:
    """The key of what the toolchain, as it is, makes of these parts.

    Args:
        kind: what is made.
        parts: everything it is made of; mappings and sets in whatever order.
    """
    total = hashlib.sha256(f"{kind}\0{tool_digest()}".encode())
    for part in parts:
        for piece in _pieces(part):
            total.update(f"\0{len(piece)}\0".encode())
            total.update(piece)
        total.update(b"\1")
    return total.hexdigest()


def _pieces(part: str | bytes | Iterable[str] | Mapping[str, str]) -> list[bytes]:
    if isinstance(part, bytes):
        return [part]
    if isinstance(part, str):
        return [part.encode()]
    if isinstance(part, Mapping):
        texts = cast("Mapping[str, str]", part)
        return [b"mapping", *(piece.encode() for name in sorted(texts) for piece in (name, texts[name]))]
    return [piece.encode() for piece in sorted(part)]


@lru_cache(1)
def tool_digest() -> str:
    """A digest of the toolchain's own code and tables, and of the Python and the libraries that it runs on."""
    total = hashlib.sha256(platform.python_version().encode())
    for name in _TOOLS:
        total.update(f"{name} {importlib.metadata.version(name)}\0".encode())
    for name, content in sorted(directory_files(Path(__file__).parent).items()):
        total.update(f"{name}\0{len(content)}\0".encode() + content)
    return total.hexdigest()


def directory_files(folder: Path) -> dict[str, bytes]:
    """The contents of the files below a folder by posix path, but for what Python keeps there."""
    files = [file for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}
