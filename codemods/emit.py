"""Stage 7: the package as a directory: files, metadata, lock. Swapped in whole, or not at all."""

from __future__ import annotations

import hashlib
import re
import shutil
import tomllib
import uuid
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import jinja2
import tomlkit
from packaging.version import Version
from pydantic import BaseModel, ConfigDict, ValidationError
from tomlkit.items import Array

from codemods.errors import ToolError
from codemods.exports import with_exports
from codemods.pin import Pin, normal_version
from codemods.source import PACKAGE, SourceTree
from codemods.version import __version__

DISTRIBUTION = "dspy-async"
LOCK_FILE = "sync.lock"
TYPED = f"{PACKAGE}/py.typed"
"""Tells type checkers to read the package's annotations. Upstream ships none."""
REPORT_DIRECTORY = "report"
LAST_LOCK = f"{REPORT_DIRECTORY}/last-{LOCK_FILE}"
"""The lock of what is on this disk. The committed one may be newer: a pull brings it without the files."""

_DEVELOPMENT_EXTRA = re.compile(r"(dev|test|tests|lint|docs)([-_.].*)?")
_NOTICE = """
--------------------------------------------------------------------------------

The conversion to async, and the modules that it adds:
Copyright (c) 2026 the dspy-async authors. Licensed under the terms above.
"""


class LockedSource(BaseModel):
    """The release that went in. Nothing here depends on where it was read from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str
    commit: str | None
    """Of the pin; None for a release that the pin does not name."""
    sdist_sha256: str | None
    """Of the pin; None for a release that the pin does not name."""
    source_sha256: str
    """`SourceTree.sha256`."""


class Lock(BaseModel):
    """What one sync wrote."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    upstream: LockedSource
    tool: str
    """Version of the toolchain."""
    files: dict[str, str]
    """SHA-256 in hex of every emitted file but this one, by posix path, sorted."""

    def content(self) -> bytes:
        """The bytes of the lock file."""
        return (self.model_dump_json(indent=2) + "\n").encode()


@dataclass(frozen=True)
class Package:
    """The generated distribution, in memory.

    Args:
        files: contents by posix path relative to its root, sorted, the lock among them.
        lock: the same as a lock.
    """

    files: Mapping[str, bytes]
    lock: Lock


@dataclass(frozen=True)
class Differences:
    """How a directory differs from what sync would write, by posix path."""

    changed: tuple[str, ...]
    missing: tuple[str, ...]
    extra: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.changed or self.missing or self.extra)


class HandEditsError(ToolError):
    """The target holds what no sync wrote."""

    def __init__(self, out: Path, edited: list[str]) -> None:
        listed = "\n".join(f"  {name}" for name in edited)
        super().__init__(
            f"{out} holds changes that sync did not make:\n{listed}",
            remedy="Move them into patches/ or a rule, so that every later sync makes them; "
            "or overwrite them with --force.",
        )
        self.edited = edited


# --- what is written --------------------------------------------------------------------------------------------------


def build_package(pin: Pin, tree: SourceTree, converted: Mapping[str, str]) -> Package:
    """Put together everything that the generated distribution consists of.

    Args:
        pin: tells whether the release is the pinned one.
        tree: the release.
        converted: text of every Python file, upstream's and added ones, by posix path `dspy/...`.

    Raises:
        ToolError: a Python file of the release is not among the converted ones.
    """
    upstream = {name: content for name, content in tree.files.items() if name.startswith(f"{PACKAGE}/")}
    lost = sorted(name for name in upstream if name.endswith(".py") and name not in converted)
    if lost:
        raise ToolError(
            f"files of the release are missing from the output: {', '.join(lost)}",
            remedy="This is a fault of the toolchain: a stage dropped them. Report it with the release's version.",
        )
    files = {name: content for name, content in upstream.items() if not name.endswith(".py")}
    files |= {name: with_exports(name, text).encode() for name, text in converted.items()}
    files.setdefault(TYPED, b"")
    is_pinned = tree.version == normal_version(pin.version)
    metadata = _metadata(tree, pin.post if is_pinned else 0)
    files["pyproject.toml"] = _dump(metadata).encode()
    files["README.md"] = _readme(metadata).encode()
    files["LICENSE"] = tree.files["LICENSE"].rstrip() + b"\n" + _NOTICE.encode()
    files = dict(sorted(files.items()))
    source = LockedSource(
        version=tree.version,
        commit=pin.commit if is_pinned else None,
        sdist_sha256=pin.sdist_sha256 if is_pinned else None,
        source_sha256=tree.sha256,
    )
    lock = Lock(upstream=source, tool=__version__, files={name: _sha256(data) for name, data in files.items()})
    return Package(dict(sorted({**files, LOCK_FILE: lock.content()}.items())), lock)


def distribution_version(version: str, post: int) -> str:
    """The converted package's version: upstream's, `.postN` for a re-release.

    Raises:
        ToolError: upstream's release is a post-release itself, and nothing sorts between that and its next one.
    """
    if post and Version(version).is_postrelease:
        raise ToolError(
            f"there is no version for re-release {post} of DSPy {version}, which is a post-release itself",
            remedy="Take `post` out of pin.toml, and release what is mended with upstream's next release.",
        )
    return f"{version}.post{post}" if post else version


def _metadata(tree: SourceTree, post: int) -> dict[str, Any]:
    """The distribution's pyproject.toml: upstream's, but for the name, the description and what only develops it."""
    theirs: dict[str, Any] = tomllib.loads(tree.files["pyproject.toml"].decode())
    project: dict[str, Any] = dict(theirs["project"])
    project["name"] = DISTRIBUTION
    project["version"] = distribution_version(tree.version, post)
    project["description"] = "DSPy, async all the way down: nothing blocks, and settings are handed to every call"
    project["readme"] = "README.md"
    # The form upstream uses is deprecated, and only newer build backends read this one.
    if tree.files["LICENSE"].lstrip().startswith(b"MIT License"):
        project["license"] = "MIT"
    project["license-files"] = ["LICENSE"]
    extras = project.get("optional-dependencies", {})
    project["optional-dependencies"] = {k: v for k, v in extras.items() if not is_development_extra(k)}
    build = {"requires": ["setuptools>=77.0.1"], "build-backend": "setuptools.build_meta"}
    setuptools: dict[str, Any] = dict(theirs.get("tool", {}).get("setuptools", {}))
    data: dict[str, list[str]] = dict(setuptools.get("package-data", {}))
    data[PACKAGE] = list(dict.fromkeys([*data.get(PACKAGE, []), PurePosixPath(TYPED).name]))
    setuptools["package-data"] = data
    return {"build-system": build, "project": project, "tool": {"setuptools": setuptools}}


def is_development_extra(name: str) -> bool:
    """Whether an extra only serves to develop upstream, and the converted package does without it."""
    return _DEVELOPMENT_EXTRA.fullmatch(name) is not None


def _dump(metadata: Mapping[str, Any]) -> str:
    document = tomlkit.item(dict(metadata))
    _spread(document)
    return document.as_string().strip() + "\n"


def _spread(node: Any) -> None:
    """One line per element, so that a diff between two releases shows what changed."""
    if isinstance(node, Array):
        node.multiline(len(node) > 1)
    elif isinstance(node, dict):
        for child in node.values():  # pyright: ignore[reportUnknownVariableType]
            _spread(child)


def _readme(metadata: Mapping[str, Any]) -> str:
    project = metadata["project"]
    template = templates().get_template("package_readme.md.j2")
    return template.render(
        version=project["version"],
        requires_python=project.get("requires-python", ""),
        extras=sorted(project["optional-dependencies"]),
        homepage=next(iter(project.get("urls", {}).values()), "https://github.com/stanfordnlp/dspy"),
    )


def templates() -> jinja2.Environment:
    """The environment that the package's templates are rendered in; HTML is escaped, and unknown names are errors."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("codemods"),
        autoescape=jinja2.select_autoescape(("html.j2",), default=False),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# --- what is there ----------------------------------------------------------------------------------------------------


def read_lock(path: Path) -> Lock | None:
    """The lock at a path; None if there is none.

    Raises:
        ToolError: it is no lock.
    """
    try:
        return Lock.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise ToolError(
            f"{path} is not a lock that this toolchain wrote",
            remedy="Restore it from git, or overwrite the directory with --force.",
        ) from error


def compare(out: Path, package: Package) -> Differences:
    """Hold a directory against what sync would write, whole trees: changed, missing and extra files."""
    there = set(_emitted(out))
    changed = [n for n in package.files if n in there and (out / n).read_bytes() != package.files[n]]
    missing = [n for n in package.files if n not in there]
    return Differences(tuple(changed), tuple(missing), tuple(sorted(there - set(package.files))))


def check_target(out: Path, *, force: bool) -> None:
    """Refuse a target directory that a sync would damage.

    Args:
        out: it may be missing or empty.
        force: overwrite hand edits. What no sync ever wrote is never overwritten.

    Raises:
        HandEditsError: files differ from the target's lock. Files that are missing are no edit: a clone has none.
        ToolError: the target is no directory, or one that no sync wrote.
    """
    _recover(out)
    if not out.exists():
        return
    if not out.is_dir():
        raise ToolError(f"{out} is not a directory", remedy="Give a new or empty directory with --out.")
    there = _emitted(out)
    if there and not (out / LOCK_FILE).is_file():
        raise ToolError(
            f"{out} is not empty, and no sync wrote it: it has no {LOCK_FILE}",
            remedy="Give a new or empty directory with --out.",
        )
    if not force and (edited := _edited(out, there)):
        raise HandEditsError(out, edited)


def _edited(out: Path, there: list[str]) -> list[str]:
    locks = [lock for lock in (read_lock(out / LOCK_FILE), read_lock(out / LAST_LOCK)) if lock is not None]
    known = {(name, sha256) for lock in locks for name, sha256 in lock.files.items()}
    return [name for name in there if name != LOCK_FILE and (name, _sha256((out / name).read_bytes())) not in known]


def _emitted(out: Path) -> list[str]:
    """Files of a target directory by posix path, sorted, but for what builds, imports and reports leave there."""
    names = [path.relative_to(out).as_posix() for path in out.rglob("*") if not path.is_dir() or path.is_symlink()]
    return sorted(name for name in names if not _is_by_product(PurePosixPath(name)))


def _is_by_product(path: PurePosixPath) -> bool:
    top = path.parts[0]
    is_ours = top in {REPORT_DIRECTORY, "dist", "build"} or top.endswith(".egg-info")
    return (is_ours and len(path.parts) > 1) or "__pycache__" in path.parts


# --- the swap ---------------------------------------------------------------------------------------------------------


@contextmanager
def staged(out: Path, package: Package, *, force: bool = False) -> Generator[Path]:
    """Write the package beside its target, hand out the directory, and put it in the target's place at the end.

    Whatever is raised inside, an interrupt included, leaves the target as it was and nothing beside it. What is
    written inside, a report say, goes along.

    Raises:
        ToolError: as for `check_target`, or the directory cannot be written.
    """
    out = out.resolve()
    check_target(out, force=force)
    stage = out.parent / f".{out.name}.{uuid.uuid4().hex}.new"
    try:
        _write(stage, package)
        yield stage
        # Edited while the release was being converted?
        check_target(out, force=force)
        _swap(stage, out)
    except OSError as error:
        raise ToolError(
            f"{out} cannot be written: {error}", remedy="Nothing was changed. Make room or set the permissions right."
        ) from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _write(stage: Path, package: Package) -> None:
    stage.parent.mkdir(parents=True, exist_ok=True)
    stage.mkdir()
    for name, content in {**package.files, LAST_LOCK: package.files[LOCK_FILE]}.items():
        path = stage / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _swap(stage: Path, out: Path) -> None:
    """Two renames on one file system; between them `_recover` knows what to do."""
    previous = _previous(out)
    if out.exists():
        out.rename(previous)
    try:
        stage.rename(out)
    except BaseException:
        _recover(out)
        raise
    shutil.rmtree(previous, ignore_errors=True)


def _recover(out: Path) -> None:
    """Put back what a sync that was killed between its two renames had moved aside, or clear away what it replaced."""
    previous = _previous(out)
    if not previous.exists():
        return
    if out.exists():
        shutil.rmtree(previous)
    else:
        previous.rename(out)


def _previous(out: Path) -> Path:
    return out.parent / f".{out.name}.previous"
