"""Stage 2: the files of the release, the same bytes wherever they come from."""

from __future__ import annotations

import datetime
import fnmatch
import hashlib
import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from email.parser import BytesHeaderParser
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, cast

from codemods.errors import ToolError
from codemods.pin import Pin, normal_version
from codemods.sdist import archive_date, fetch_sdist, read_archive

if TYPE_CHECKING:
    from git import Commit, Repo

PACKAGE = "dspy"
TOP_FILES = ("LICENSE", "README.md", "pyproject.toml")
_NAMES = frozenset({"dspy", "dspy-ai"})


@dataclass(frozen=True)
class SourceTree:
    """What a release ships, read once.

    Args:
        version: the release, from the pin or the command line, never from the tree.
        origin: `submodule`, `sdist` or `path`.
        files: contents by posix path relative to the release's root, sorted: `dspy/...`, `pyproject.toml`,
            `LICENSE`, `README.md`. The same for every origin.
        notes: what a person should know about how the files were come by.
        released: the day (UTC) the archive was built that was read; None of another origin.
    """

    version: str
    origin: str
    files: Mapping[str, bytes] = field(repr=False)
    notes: tuple[str, ...] = ()
    released: datetime.date | None = None

    @property
    def sha256(self) -> str:
        """A digest of all names and contents, in hex: the release's identity, whatever the origin."""
        total = hashlib.sha256()
        for name, content in self.files.items():
            total.update(f"{name}\0{len(content)}\0".encode())
            total.update(content)
        return total.hexdigest()


def load_source(
    pin: Pin, source: str = "auto", upstream: str | None = None, *, submodule: Path, cache: Path
) -> SourceTree:
    """Read the release to convert.

    Args:
        pin: the release to convert by default.
        source: `submodule` (git objects, never the work tree), `sdist` (the index's archive), `auto` (the submodule
            if it holds the pinned commit, else the archive), or a path: an unpacked archive, an archive or a checkout.
        upstream: another release than the pinned one.
        submodule: where the submodule is, filled or empty.
        cache: directory that keeps archives.

    Raises:
        ToolError: there is no way to the release, or what was found is not it.
    """
    version = normal_version(upstream) if upstream else pin.version
    is_pinned = version == normal_version(pin.version)
    if source == "submodule":
        return _finish(version, "submodule", _read_git(submodule, version, pin.commit if is_pinned else None))
    sha256 = pin.sdist_sha256 if is_pinned else None
    if source == "sdist":
        return _from_sdist(version, cache, sha256)
    if source != "auto":
        return _finish(version, "path", _read_path(Path(source), version))
    if not is_pinned or pin.commit is None:
        # A tag can be moved; for a release of which no commit is pinned, the archive is the authority.
        return _from_sdist(version, cache, sha256)
    try:
        files = _read_git(submodule, version, pin.commit)
    except ToolError as error:
        return _from_sdist(version, cache, sha256, (f"{error.problem}: the source archive is used",))
    return _finish(version, "submodule", files)


def read_checkout(submodule: Path, version: str, commit: str | None, directories: Collection[str]) -> dict[str, bytes]:
    """What the repository holds beside the package, its tests for one, which no archive has.

    Args:
        submodule: a clone of DSPy's repository.
        version: a release; its tag is looked up where `commit` is None.
        commit: a commit's hash.
        directories: names in the top directory, `tests` say. Its files are there in any case.

    Raises:
        ToolError: the clone cannot give them.
    """
    return _read_git(submodule, version, commit, directories)


def _from_sdist(version: str, cache: Path, sha256: str | None, notes: tuple[str, ...] = ()) -> SourceTree:
    sdist = fetch_sdist(version, cache, sha256=sha256)
    files = read_archive(sdist.path)
    _check_named_version(files, version, str(sdist.path))
    tree = _finish(version, "sdist", files, (*notes, *sdist.notes))
    return replace(tree, released=archive_date(sdist.path))


def _finish(version: str, origin: str, files: Mapping[str, bytes], notes: tuple[str, ...] = ()) -> SourceTree:
    """Take out what only one origin has, and write in the version, which only the published archive knows."""
    shipped = _stamp(_shipped(files), version)
    return SourceTree(version, origin, dict(sorted(shipped.items())), notes)


# --- origins ----------------------------------------------------------------------------------------------------------


def _read_git(
    submodule: Path, version: str, commit: str | None, directories: Collection[str] = (PACKAGE,)
) -> dict[str, bytes]:
    """Blobs of the needed paths at a commit, or at the version's tag."""
    if not (submodule / ".git").exists():
        raise _no_submodule(f"the submodule at {submodule} is not filled")
    # GitPython looks for the git program when it is imported, and fails if there is none.
    try:
        from git import Repo
        from git.exc import GitError, ODBError
    except ImportError as error:
        raise _no_submodule(f"git cannot be run: {error}") from error
    try:
        with Repo(submodule) as repo:
            # git prefers this variable to the directory it runs in, and hooks set it.
            repo.git.update_environment(GIT_DIR=str(repo.git_dir))
            return _read_commit(_find_commit(repo, submodule, version, commit), directories)
    except (GitError, ODBError, ValueError, OSError) as error:
        wanted = f"commit {commit}" if commit else f"a tag {version}"
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise _no_submodule(f"the submodule at {submodule} cannot give {wanted} ({reason})") from error


def _find_commit(repo: Repo, submodule: Path, version: str, commit: str | None) -> Commit:
    if commit is not None:
        return repo.commit(commit)
    for tag in repo.tags:
        if tag.name in {version, f"v{version}"}:
            return tag.commit
    raise _no_submodule(f"the submodule at {submodule} has no tag {version}")


def _read_commit(commit: Commit, directories: Collection[str]) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for top in commit.tree:
        if top.type == "blob" and top.name in TOP_FILES:
            files[top.name] = top.data_stream.read()
        if top.type == "tree" and top.name in directories:
            for item in top.traverse():
                # Anything else there could be, a link or a submodule, is not part of a Python package.
                if getattr(item, "mode", 0) & 0o170000 == 0o100000:
                    blob = cast("Any", item)
                    files[str(blob.path)] = blob.data_stream.read()
    return files


def _no_submodule(problem: str) -> ToolError:
    return ToolError(
        problem,
        remedy="Fill it with `git submodule update --init upstream` (and `git -C upstream fetch --tags` for other "
        "releases), or read the published archive with --source sdist.",
    )


def _read_path(path: Path, version: str) -> dict[str, bytes]:
    if path.is_file():
        files = read_archive(path)
    elif path.is_dir():
        names = [path / name for name in (*TOP_FILES, "PKG-INFO")]
        names += (path / PACKAGE).rglob("*")
        files = {p.relative_to(path).as_posix(): p.read_bytes() for p in names if p.is_file()}
    else:
        raise ToolError(
            f"--source {path}: there is no such file or directory",
            remedy="Give auto, submodule, sdist, or the path of an unpacked release.",
        )
    missing = [name for name in ("pyproject.toml", "LICENSE", f"{PACKAGE}/__init__.py") if name not in files]
    if missing:
        raise ToolError(
            f"--source {path} is no release of DSPy: it has no {', no '.join(missing)}",
            remedy="Give the root of an unpacked source archive or of a checkout of DSPy.",
        )
    _check_named_version(files, version, str(path))
    return files


def _check_named_version(files: Mapping[str, bytes], version: str, where: str) -> None:
    """Hold what a published archive says of itself against the version asked for; a checkout says nothing."""
    if "PKG-INFO" not in files:
        return
    named = BytesHeaderParser().parsebytes(files["PKG-INFO"])["Version"]
    if named is None or normal_version(named) != version:
        raise ToolError(
            f"{where} holds DSPy {named}, but {version} is asked for",
            remedy=f"Say which release it is: --upstream {named}.",
        )


# --- what a release is ------------------------------------------------------------------------------------------------


def _shipped(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files that the release's own build puts in its archive and wheel.

    A checkout holds more (data that no pattern ships), and an archive does too (metadata of the build).
    """
    patterns = _package_data(files)
    kept: dict[str, bytes] = {}
    for name, content in files.items():
        path = PurePosixPath(name)
        is_shipped = path.suffix in {".py", ".pyi"} or path.name == "py.typed" or _is_data(path, patterns)
        # setuptools takes no directory for a package whose name has a dot in it.
        is_package = path.parts[0] == PACKAGE and not any("." in part for part in path.parts[:-1])
        if name in TOP_FILES or (is_package and is_shipped):
            kept[name] = content
    return kept


def _package_data(files: Mapping[str, bytes]) -> dict[str, list[str]]:
    """Patterns of data files by package, as the release's pyproject.toml declares them for setuptools."""
    try:
        metadata = tomllib.loads(files["pyproject.toml"].decode())
        name = metadata["project"]["name"]
    except (KeyError, ValueError) as error:
        raise ToolError(
            f"the release's pyproject.toml cannot be read: {type(error).__name__}: {error}",
            remedy="Only releases that describe themselves in pyproject.toml can be converted.",
        ) from error
    if name not in _NAMES:
        raise ToolError(f"the source is a release of {name}, not of DSPy", remedy="Give upstream's own release.")
    return metadata.get("tool", {}).get("setuptools", {}).get("package-data", {})


def _is_data(path: PurePosixPath, patterns: Mapping[str, list[str]]) -> bool:
    for package, globs in patterns.items():
        if package in {"", "*"}:
            if any(fnmatch.fnmatchcase(path.name, glob) for glob in globs):
                return True
        else:
            base = package.replace(".", "/")
            if path.is_relative_to(base) and any(
                _matches(path.relative_to(base).parts, glob.split("/")) for glob in globs
            ):
                return True
    return False


def _matches(parts: tuple[str, ...], glob: Sequence[str]) -> bool:
    """Whether a path fits a glob, part by part; `**` stands for any number of directories."""
    if not parts or not glob:
        return not parts and not glob
    if glob[0] == "**":
        return _matches(parts, glob[1:]) or _matches(parts[1:], glob)
    return fnmatch.fnmatchcase(parts[0], glob[0]) and _matches(parts[1:], glob[1:])


def _stamp(files: Mapping[str, bytes], version: str) -> dict[str, bytes]:
    """Write the version where publishing writes it: a tag's tree still names the release before."""
    stamped = dict(files)
    for name, pattern in _VERSION_LINES.items():
        if name in files:
            stamped[name], count = pattern.subn(rf'\g<1>"{version}"'.encode(), files[name], count=1)
            if count == 0 and name == "pyproject.toml":
                raise ToolError(
                    "the release's pyproject.toml states no version",
                    remedy="Only releases that state it there can be converted.",
                )
    return stamped


_VERSION_LINES = {
    "pyproject.toml": re.compile(rb"(?m)(^\[project\][ \t]*\n(?:(?!\[).*\n)*?version[ \t]*=[ \t]*)[\"'][^\"'\n]*[\"']"),
    f"{PACKAGE}/__metadata__.py": re.compile(rb"(?m)(^__version__[ \t]*=[ \t]*)[\"'][^\"'\n]*[\"']"),
}
