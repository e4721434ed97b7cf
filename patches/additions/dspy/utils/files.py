"""Files that coroutines write."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager


@asynccontextmanager
async def text_file(path: str | os.PathLike[str], newline: str | None = None) -> AsyncGenerator[io.StringIO, None]:
    """A text file to write, whose content goes to the disk in a worker thread, when the block ends without an error.

    Args:
        path: The file; one that is there is overwritten.
        newline: What line ends become, as for `open`.

    Raises:
        OSError: The file cannot be written; raised at the end of the block.
    """
    content = io.StringIO(newline="")
    yield content
    await asyncio.to_thread(_write, path, content.getvalue(), newline)


def _write(path: str | os.PathLike[str], content: str, newline: str | None) -> None:
    with open(path, "w", newline=newline) as file:  # noqa: PTH123 - the encoding is upstream's: what `open` chooses
        file.write(content)
