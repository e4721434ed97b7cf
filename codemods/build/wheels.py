"""Two wheels side by side: the converted package ships what upstream ships, and of ours only what is declared."""

from __future__ import annotations

import configparser
import re
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath

from packaging.metadata import Metadata
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from codemods.emit import DISTRIBUTION, is_development_extra
from codemods.errors import ToolError
from codemods.parity.model import Row
from codemods.source import PACKAGE

_TOOLCHAIN = b"codemods"


class Wheel(Row):
    """What a wheel holds. All tuples are sorted."""

    name: str
    version: str
    files: tuple[str, ...]
    """Paths, but for those of the metadata."""
    stray: tuple[str, ...]
    """Paths of files that are neither in the package nor metadata."""
    mentions: tuple[str, ...]
    """Paths of modules that name the toolchain."""
    requires_python: str
    requires: tuple[str, ...]
    """Requirements without an extra."""
    extras: dict[str, tuple[str, ...]]
    """What each extra asks for."""
    entry_points: tuple[str, ...]
    """`group: name = object`."""


class SideBySide(Row):
    """How two wheels compare."""

    same: int
    """Files with the same path."""
    data: int
    """Those among them that are no Python."""
    added: tuple[str, ...]
    """Files of ours: modules that patches add, and what emit does."""
    left_out: tuple[str, ...]
    """Extras that only develop upstream."""
    problems: tuple[str, ...]
    """Differences that nothing declares."""


def read_wheel(path: Path) -> Wheel:
    """Read a wheel.

    Raises:
        ToolError: it is not one.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = sorted(name for name in archive.namelist() if not name.endswith("/"))
            home = next(name for name in names if name.endswith(".dist-info/METADATA")).rpartition("/")[0]
            metadata = Metadata.from_email(archive.read(f"{home}/METADATA"), validate=False)
            points = archive.read(f"{home}/entry_points.txt") if f"{home}/entry_points.txt" in names else b""
            files = [name for name in names if not name.startswith(f"{home}/")]
            mentions = [name for name in files if name.endswith(".py") and _TOOLCHAIN in archive.read(name)]
    except (OSError, zipfile.BadZipFile, StopIteration, KeyError) as error:
        raise ToolError(f"{path} is no wheel: {error}", remedy="Build it anew with: nox -s build") from error
    requires = list(metadata.requires_dist or [])
    extras = [canonicalize_name(name) for name in metadata.provides_extra or []]
    return Wheel(
        name=metadata.name,
        version=str(metadata.version),
        files=tuple(files),
        stray=tuple(name for name in files if PurePosixPath(name).parts[0] != PACKAGE),
        mentions=tuple(mentions),
        requires_python=str(metadata.requires_python or ""),
        requires=tuple(sorted(str(one) for one in requires if not _extra_of(one))),
        extras={name: tuple(sorted(str(one) for one in requires if _extra_of(one) == name)) for name in sorted(extras)},
        entry_points=tuple(_entry_points(points.decode())),
    )


def _extra_of(requirement: Requirement) -> str:
    """The extra that a requirement is for; nothing where it is for all."""
    # By the marker's text: evaluated here, it would also depend on this platform.
    named = re.search(r"extra == [\"']([^\"']+)[\"']", str(requirement.marker or ""))
    return canonicalize_name(named[1]) if named else ""


def _entry_points(text: str) -> Iterator[str]:
    parser = configparser.ConfigParser(delimiters=("=",))
    # Names keep their case. This is how configparser documents it; its stub knows a method only.
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    for group in sorted(parser.sections()):
        for name, target in sorted(parser.items(group)):
            yield f"{group}: {name} = {target}"


def side_by_side(ours: Wheel, theirs: Wheel, declared: Collection[str]) -> SideBySide:
    """Hold the converted package's wheel against upstream's.

    Args:
        ours: its name is the converted distribution's.
        theirs: upstream's, of the same release.
        declared: paths of modules that patches add, and of what emit adds.
    """
    added, lost = set(ours.files) - set(theirs.files), set(theirs.files) - set(ours.files)
    same = set(ours.files) & set(theirs.files)
    left_out = {name for name in theirs.extras if is_development_extra(name)}
    wanted = {name: asked for name, asked in theirs.extras.items() if name not in left_out}
    problems = [f"{name} is missing" for name in sorted(lost)]
    problems += [f"{name} is not upstream's, and no patch adds it" for name in sorted(added - set(declared))]
    problems += [f"{name} is declared, and is missing" for name in sorted(set(declared) - set(ours.files))]
    problems += [f"{name} is neither in {PACKAGE}/ nor metadata" for name in ours.stray]
    problems += [f"{name} names the toolchain" for name in ours.mentions]
    problems += [f"the name is {ours.name}"] if ours.name != DISTRIBUTION else []
    for what, own, their in (
        ("Python", ours.requires_python, theirs.requires_python),
        ("dependencies", ours.requires, theirs.requires),
        ("extras", tuple(ours.extras), tuple(wanted)),
        ("entry points", ours.entry_points, theirs.entry_points),
    ):
        if own != their:
            problems.append(f"{what}: {own}, and upstream has {their}")
    for name in sorted(wanted.keys() & ours.extras.keys()):
        if ours.extras[name] != wanted[name]:
            problems.append(f"extra {name}: {ours.extras[name]}, and upstream has {wanted[name]}")
    return SideBySide(
        same=len(same),
        data=sum(not name.endswith(".py") for name in same),
        added=tuple(sorted(added & set(declared))),
        left_out=tuple(sorted(left_out)),
        problems=tuple(problems),
    )
