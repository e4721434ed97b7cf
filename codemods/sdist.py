"""Source archives of releases: fetched with pip's own configuration, checked, and kept."""

from __future__ import annotations

import datetime
import hashlib
import re
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from packaging.version import InvalidVersion, Version
from pydantic import BaseModel, ConfigDict, ValidationError

from codemods.errors import ToolError
from codemods.project import CACHE_VARIABLE

DISTRIBUTION = "dspy"
SETTLED_DAYS = 2
"""How long after a release the versions of other distributions are taken for environments: what it came out with."""


class _Record(BaseModel):
    """What the cache knows of an archive it holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: str


@dataclass(frozen=True)
class Sdist:
    """A release's source archive on this machine.

    Args:
        path: the archive.
        sha256: its digest, in hex.
        notes: what a person should know about how it was come by.
    """

    path: Path
    sha256: str
    notes: tuple[str, ...] = ()


def fetch_sdist(version: str, cache: Path, *, sha256: str | None) -> Sdist:
    """The archive of a release, from the cache or else from the package index that pip is configured for.

    Args:
        version: a release of the index.
        cache: directory that keeps archives between runs; made if it is missing.
        sha256: the digest it must have. Without one, the digest seen on first use is recorded in the cache and
            held against every later download.

    Raises:
        ToolError: no index answers, the index has no such release, the digest differs, or the cache cannot be written.
    """
    try:
        return _fetch(version, cache / "sdist", sha256)
    except OSError as error:
        raise ToolError(
            f"the cache {cache} cannot be used: {error}",
            remedy=f"Make it writable, or name another directory in {CACHE_VARIABLE}.",
        ) from error


def _fetch(version: str, folder: Path, pinned: str | None) -> Sdist:
    kept, record = folder / f"{DISTRIBUTION}-{version}.tar.gz", folder / f"{DISTRIBUTION}-{version}.json"
    expected = pinned or _recorded(record)
    notes: list[str] = []
    if kept.is_file():
        found = digest(kept)
        if found == expected:
            return Sdist(kept, found, _unpinned_note(version, found, pinned))
        notes.append(f"the cached archive {kept} has the digest {found}, not {expected}: downloaded again")
    folder.mkdir(parents=True, exist_ok=True)
    # Beside its final place, so that the rename that publishes it is atomic.
    with tempfile.TemporaryDirectory(dir=folder, prefix=".download-") as scratch:
        archive = _download(version, Path(scratch), expected, is_pinned=pinned is not None)
        found = digest(archive)
        if expected is not None and found != expected:
            raise _hash_error(
                version, expected, found, "pin.toml says" if pinned is not None else "an earlier download had"
            )
        fresh = Path(scratch) / "record.json"
        fresh.write_text(_Record(sha256=found).model_dump_json() + "\n", encoding="utf-8")
        archive.replace(kept)
        fresh.replace(record)
    return Sdist(kept, found, (*notes, *_unpinned_note(version, found, pinned)))


def read_archive(path: Path) -> dict[str, bytes]:
    """The regular files of a source archive, by posix path relative to its one top directory.

    Raises:
        ToolError: the file is no source archive.
    """
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(path, "r:*") as archive:
            for member in archive:
                parts = PurePosixPath(member.name).parts
                stream = archive.extractfile(member) if member.isfile() else None
                if stream is not None and len(parts) > 1:
                    files["/".join(parts[1:])] = stream.read()
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ToolError(
            f"{path} is not a readable source archive: {error}", remedy="Give an sdist (.tar.gz)."
        ) from error
    return files


def digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def archive_date(path: Path) -> datetime.date:
    """The day (UTC) a source archive was built: that of its newest member. No index is needed to know it.

    Raises:
        ToolError: the file is no source archive.
    """
    try:
        with tarfile.open(path, "r:*") as archive:
            newest = max((member.mtime for member in archive), default=0)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ToolError(
            f"{path} is not a readable source archive: {error}", remedy="Give an sdist (.tar.gz)."
        ) from error
    return datetime.datetime.fromtimestamp(newest, datetime.UTC).date()


def settled(released: datetime.date) -> datetime.date:
    """The day as of which a release's environments are resolved: some days after it, if they have come."""
    today = datetime.datetime.now(datetime.UTC).date()
    return min(released + datetime.timedelta(days=SETTLED_DAYS), today)


def _recorded(record: Path) -> str | None:
    try:
        return _Record.model_validate_json(record.read_bytes()).sha256
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise ToolError(f"{record} is damaged", remedy="Delete it; the next run records the digest anew.") from error


def _unpinned_note(version: str, found: str, pinned: str | None) -> tuple[str, ...]:
    if pinned is not None:
        return ()
    return (f"no hash is pinned for {version}: its archive is trusted as first seen, sha256 {found}",)


def _download(version: str, folder: Path, expected: str | None, *, is_pinned: bool) -> Path:
    wanted = f"{DISTRIBUTION}=={version}"
    if expected is not None:
        # pip then checks the digest before it runs anything out of the archive.
        wanted += f" --hash=sha256:{expected}"
    requirements = folder / "requirements.txt"
    requirements.write_text(wanted + "\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--no-input", "--disable-pip-version-check"]
    # The archive is wanted whatever Python this is, and its build requirements are not needed: pip only asks the
    # backend, setuptools in every release so far and a dependency of ours, for the name and version.
    command += ["--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--ignore-requires-python"]
    command += ["--dest", str(folder), "--requirement", str(requirements)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0:
        raise explain_failure(version, done.stdout + done.stderr, expected, is_pinned=is_pinned)
    archives = [path for path in folder.iterdir() if path.name.endswith((".tar.gz", ".zip"))]
    if len(archives) != 1 or not archives[0].name.endswith(".tar.gz"):
        names = ", ".join(sorted(path.name for path in archives)) or "nothing"
        raise ToolError(f"pip downloaded {names} for {version}, not one .tar.gz", remedy="Give a path with --source.")
    return archives[0]


def explain_failure(version: str, output: str, expected: str | None, *, is_pinned: bool) -> ToolError:
    """What pip's words mean.

    Args:
        version: the release that was asked for, or `(any)`.
        output: what pip wrote.
        expected: the digest the archive must have, if one is known.
        is_pinned: whether that digest is the pin's.
    """
    got = re.search(r"Got\s+([0-9a-f]{64})", output)
    stated = re.search(r"Expected sha256 ([0-9a-f]{64})", output)
    if expected is not None and got is not None:
        return _hash_error(version, expected, got[1], "pin.toml says" if is_pinned else "an earlier download had")
    if stated is not None and got is not None:
        return _hash_error(version, stated[1], got[1], "the index says")
    known = re.search(r"Could not find a version .*\(from versions: ([^)]*)\)", output)
    if known is not None and known[1] != "none":
        return ToolError(
            f"the package index has no source release {version} of {DISTRIBUTION}; "
            f"the nearest it has are {', '.join(_nearest(version, known[1].split(', ')))}",
            remedy="Ask for one of its releases with --upstream.",
        )
    if known is not None:
        return ToolError(
            f"{DISTRIBUTION} {version} cannot be downloaded: no package index that pip is configured for answers "
            f"with a release of {DISTRIBUTION}",
            remedy="Check the network and pip's configuration (`pip config list`), or work without them: fill the "
            "submodule with `git submodule update --init upstream`, or give an unpacked release with --source PATH.",
        )
    tail = "\n".join(output.strip().splitlines()[-8:])
    return ToolError(
        f"pip could not download {DISTRIBUTION} {version}; it said:\n{tail}",
        remedy="Mend what pip names, or give an unpacked release with --source PATH.",
    )


def _hash_error(version: str, expected: str, found: str, holder: str) -> ToolError:
    return ToolError(
        f"the source archive of {DISTRIBUTION} {version} has the wrong hash: sha256 {found}, but {holder} {expected}",
        remedy="Do not use it before you know why it differs: a release's archive never changes. "
        "Compare it with what the index publishes, and mend the index configuration or the pin.",
    )


def _nearest(version: str, known: list[str], count: int = 5) -> list[str]:
    """The releases that sort closest around a version, in order."""
    parsed: list[Version] = []
    for text in known:
        try:
            parsed.append(Version(text))
        except InvalidVersion:
            continue
    parsed.sort()
    below = sum(one < Version(version) for one in parsed)
    start = max(0, min(below - count // 2, len(parsed) - count))
    return [str(one) for one in parsed[start : start + count]]
