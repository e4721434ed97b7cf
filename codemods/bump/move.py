"""Changes files of the checkout all together or not at all, through a kill too."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import ValidationError

from codemods.errors import ToolError
from codemods.parity.model import Row

JOURNAL = "moving.json"


class _Journal(Row):
    """What the files were, written down before the first of them is touched."""

    before: dict[str, str | None]
    """Texts by posix path below the root; None for a file that was not there."""
    last: str
    """Path of the file whose change is the last one, and makes the others good."""
    last_sha256: str
    """What it then has, in hex; empty where it is the same before."""


def move(
    root: Path,
    folder: Path,
    files: Mapping[str, bytes],
    finish: Callable[[], None],
    *,
    last: tuple[str, bytes],
    announce: Callable[[str], None] = lambda name: None,
) -> None:
    """Write files, then do what comes last; where anything is raised, an interrupt included, put everything back.

    Args:
        root: the checkout.
        folder: where the journal is kept meanwhile.
        files: new contents by posix path below the root.
        finish: the last change, which by itself happens whole or not at all.
        last: a file that `finish` changes, and what it then holds: by it a run that was killed is told from one that
            was through.
        announce: called with each path before it is written.
    """
    recover(root, folder)
    before = {name: _text(root / name) for name in files}
    sha256 = hashlib.sha256(last[1]).hexdigest()
    told = "" if sha256 == _sha256(root / last[0]) else sha256
    journal = _Journal(before=before, last=last[0], last_sha256=told)
    folder.mkdir(parents=True, exist_ok=True)
    _replace(folder / JOURNAL, journal.model_dump_json().encode())
    try:
        for name, content in files.items():
            announce(name)
            _replace(root / name, content)
        announce(last[0])
        finish()
    except BaseException:
        recover(root, folder)
        raise
    (folder / JOURNAL).unlink()


def recover(root: Path, folder: Path) -> bool:
    """Put back what a run that was ended half way had changed; returns whether there was anything to put back.

    Raises:
        ToolError: the journal cannot be read.
    """
    path = folder / JOURNAL
    if not path.is_file():
        return False
    try:
        journal = _Journal.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise ToolError(
            f"{path} is damaged", remedy="See with `git status` what a bump has changed, and delete the file."
        ) from error
    through = bool(journal.last_sha256) and _sha256(root / journal.last) == journal.last_sha256
    for name, text in journal.before.items() if not through else ():
        if text is None:
            (root / name).unlink(missing_ok=True)
        else:
            _replace(root / name, text.encode())
    path.unlink()
    return not through


def _sha256(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def _text(path: Path) -> str | None:
    return path.read_bytes().decode() if path.is_file() else None


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        # As any other file that git wrote, and not only for its owner.
        Path(name).chmod(path.stat().st_mode if path.exists() else 0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
