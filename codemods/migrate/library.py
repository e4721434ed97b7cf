"""The model of the release that programs use: made once from the patched release, and kept in the cache directory."""

from __future__ import annotations

import gc
import hashlib
import pickle
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import cast

from codemods.coloring import Coloring
from codemods.memory import no_collection
from codemods.migrate.engine import load_library
from codemods.patches import apply_patches, load_patches
from codemods.pin import load_pin
from codemods.project import Project
from codemods.rules import load_rules
from codemods.source import SourceTree, load_source
from codemods.sync import python_texts
from codemods.version import __version__

_FOLDER = "library"
_AROUND = frozenset({"migrate", "verify", "templates"})
"""Parts of the toolchain that do not make the model."""
_KEPT = 4
"""How many models stay in the cache; each is some 12 MB."""
_STACK = 512 * 1024 * 1024
"""Bytes of stack for pickling: the model is a deep graph."""


def release_library(
    project: Project,
    cache: Path,
    *,
    source: str = "auto",
    announce: Callable[[str], None] = lambda stage: None,
) -> Coloring:
    """The model and colours of the pinned release, from the cache if it is there.

    Args:
        project: where the pin and the patches are.
        cache: the directory that keeps models and archives between runs; made if it is missing.
        source: where the release is read, as for `codemods.source.load_source`.
        announce: called with what takes long, as it starts.

    Raises:
        ToolError: the release cannot be read, or a patch does not fit it.
    """
    pin = load_pin(project.pin)
    tree: SourceTree | None = None
    content = f"{pin.commit} {pin.sdist_sha256}"
    if source not in ("auto", "submodule", "sdist"):
        tree = load_source(pin, source, submodule=project.upstream, cache=cache)
        content = tree.sha256
    kept = cache / _FOLDER / f"{pin.version}-{_key(project, content)}.pickle"
    found = _read(kept)
    if found is not None:
        return found
    announce(f"reading DSPy {pin.version} (the first time only)")
    tree = tree or load_source(pin, source, submodule=project.upstream, cache=cache)
    patched = apply_patches(python_texts(tree), load_patches(project.patches), tree.version)
    library = load_library(dict(patched.files), load_rules(), patched.final)
    _write(kept, library)
    return library


def _key(project: Project, content: str) -> str:
    """A digest of all that a model is made of: release, patches, rules, the toolchain itself, and Python."""
    total = hashlib.sha256(f"{content} {__version__} {sys.version_info[:3]}".encode())
    own = Path(__file__).resolve().parents[1]
    for folder, patterns in ((project.patches, ("*.toml", "*.py")), (own, ("*.py", "rules.toml"))):
        for path in sorted({path for pattern in patterns for path in folder.rglob(pattern)}):
            if folder is own and path.relative_to(own).parts[0] in _AROUND:
                continue
            total.update(f"{path.relative_to(folder).as_posix()}\0".encode())
            total.update(path.read_bytes())
    return total.hexdigest()[:24]


def _read(path: Path) -> Coloring | None:
    """A kept model; None where there is none that can be read."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    try:
        with no_collection():
            library = cast("Coloring", pickle.loads(content))
    except Exception:
        # Whatever is wrong with a file of the cache, it is made again.
        return None
    # It lives as long as the process: no later collection needs to go through its million objects.
    gc.freeze()
    return library


def _write(path: Path, library: Coloring) -> None:
    """Keep a model, whole or not at all. A cache that cannot be written costs time and nothing else."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Beside its final place, so that the rename that publishes it is atomic.
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".new-") as scratch:
            fresh = Path(scratch) / path.name
            fresh.write_bytes(_pickled(library))
            fresh.replace(path)
        _forget_old(path.parent)
    except (OSError, RecursionError):
        return


def _forget_old(folder: Path) -> None:
    kept = sorted(folder.glob("*.pickle"), key=lambda each: each.stat().st_mtime, reverse=True)
    for path in kept[_KEPT:]:
        path.unlink(missing_ok=True)


def _pickled(library: Coloring) -> bytes:
    """In a thread with a stack of its own size, since pickling follows the graph by recursion."""
    outcome: list[bytes | BaseException] = []

    def run() -> None:
        try:
            outcome.append(pickle.dumps(library, protocol=pickle.HIGHEST_PROTOCOL))
        except BaseException as error:
            outcome.append(error)

    limit, stack = sys.getrecursionlimit(), threading.stack_size(_STACK)
    sys.setrecursionlimit(200_000)
    try:
        thread = threading.Thread(target=run, name="pickle")
        thread.start()
        thread.join()
    finally:
        sys.setrecursionlimit(limit)
        threading.stack_size(stack)
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]
