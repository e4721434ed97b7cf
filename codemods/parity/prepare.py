"""The two trees that are held against each other: upstream's package with its tests, and both converted."""

from __future__ import annotations

import ast
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from codemods.emit import LOCK_FILE, REPORT_DIRECTORY
from codemods.errors import ToolError
from codemods.parity.assertions import lost_assertions
from codemods.pin import Pin, normal_version
from codemods.source import PACKAGE, SourceTree, read_checkout
from codemods.sync import ProblemsError, SyncOptions, engine_stages, python_texts, run_sync

TESTS = "tests"
_KEPT = 3
"""Prepared pairs that stay in the cache."""
_ENTRIES = ("codemods.convert", "codemods.emit", "codemods.migrate", "codemods.patches")
"""Modules that, with what they import, decide what the converted package and its tests are."""


class NoTestsError(ToolError):
    """Upstream's tests are not at hand."""


@dataclass(frozen=True)
class Pair:
    """Two trees, each with `dspy/`, `tests/` and `pyproject.toml`.

    Args:
        upstream: upstream's, as they are.
        converted: the generated package and the migrated tests.
        lost: functions of tests that lost assertions, by path and name, with a sentence.
        notes: what a person should know about how they were made.
        seconds: how long the migration of the tests took; 0 where it was in the cache.
    """

    upstream: Path
    converted: Path
    lost: Mapping[str, Mapping[str, str]]
    notes: tuple[str, ...] = ()


def read_tests(pin: Pin, options: SyncOptions, version: str, given: Path | None) -> dict[str, bytes]:
    """Upstream's tests and pyproject.toml with pytest's settings, by posix path relative to the repository.

    Args:
        pin: tells the commit of the pinned release; other releases are looked up by their tag.
        options: where the submodule is.
        version: the release.
        given: a checkout, or the `tests` directory of one, instead of the submodule's git objects.

    Raises:
        NoTestsError: there are none.
    """
    if given is not None:
        files = _read_directory(given)
    else:
        commit = pin.commit if version == normal_version(pin.version) else None
        try:
            files = read_checkout(options.project.upstream, version, commit, (TESTS,))
        except ToolError as error:
            raise _no_tests(error.problem) from error
    if not any(name.startswith(f"{TESTS}/") and name.endswith(".py") for name in files):
        raise _no_tests(f"{given or options.project.upstream} holds no {TESTS}/")
    return {name: content for name, content in files.items() if name.startswith((f"{TESTS}/", "pyproject"))}


def _read_directory(given: Path) -> dict[str, bytes]:
    root = given.resolve()
    if not (root / TESTS).is_dir() and root.name == TESTS:
        root = root.parent
    paths = [*(root / TESTS).rglob("*"), root / "pyproject.toml"]
    paths = [path for path in paths if path.is_file() and "__pycache__" not in path.parts]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(paths)}


def _no_tests(problem: str) -> NoTestsError:
    return NoTestsError(
        f"upstream's tests are not at hand: {problem}",
        remedy="Fill the submodule with `git submodule update --init upstream`, or give a checkout with --tests PATH. "
        "A release's archive has no tests.",
    )


def sources_sha256(root: Path) -> str:
    """A digest, in hex, of everything that decides what the conversion writes: transformers, rules and patches.

    The modules are those that the conversion imports, directly or not, so that a new one counts by itself; what only
    reports or runs does not. Line ends do not count.

    Args:
        root: the checkout of the toolchain.
    """
    files = [*_reached(root, _ENTRIES), root / "codemods" / "rules.toml", *(root / "patches").rglob("*")]
    total = hashlib.sha256()
    for path in sorted({path for path in files if path.is_file() and "__pycache__" not in path.parts}):
        total.update(f"{path.relative_to(root).as_posix()}\0".encode())
        total.update(hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).digest())
    return total.hexdigest()


def _reached(root: Path, names: Iterable[str]) -> set[Path]:
    """The files of modules of the toolchain, and of those they import, anywhere in them."""
    found: set[Path] = set()
    waiting = list(names)
    while waiting:
        path = _module_file(root, waiting.pop())
        if path is None or path in found:
            continue
        found.add(path)
        waiting += _imports(path)
    return found


def _module_file(root: Path, name: str) -> Path | None:
    base = root.joinpath(*name.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


def _imports(path: Path) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return [name for name in names if name.split(".")[0] == "codemods"]


def prepare(
    options: SyncOptions,
    tree: SourceTree,
    tests: Mapping[str, bytes],
    folder: Path,
    *,
    beside: Collection[str] = (),
    announce: Callable[[str], None] = lambda stage: None,
) -> Pair:
    """Make both trees, or take them from the cache where the same sources made them before.

    Args:
        options: the release and the project; where sync writes is ours to say.
        tree: the release.
        tests: as `read_tests` gives them.
        folder: where prepared trees are kept.
        beside: names of tests' files that are not migrated.
        announce: called with what is being done.

    Raises:
        ToolError: the conversion stopped.
    """
    home = folder / f"{tree.version}-{_key(options, tree, tests)[:16]}"
    if not (home / "pair.json").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=folder, prefix=".preparing-"))
        try:
            _fill(scratch, options, tree, tests, beside, announce)
            shutil.rmtree(home, ignore_errors=True)
            scratch.rename(home)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        _prune(folder, tree.version)
    read = json.loads((home / "pair.json").read_text(encoding="utf-8"))
    return Pair(home / "upstream", home / "async", read["lost"], tuple(read["notes"]))


def _key(options: SyncOptions, tree: SourceTree, tests: Mapping[str, bytes]) -> str:
    total = hashlib.sha256(f"{tree.sha256} {sources_sha256(options.project.root)}".encode())
    for name, content in sorted(tests.items()):
        total.update(f"{name}\0{len(content)}\0".encode() + content)
    return total.hexdigest()


def _fill(
    home: Path,
    options: SyncOptions,
    tree: SourceTree,
    tests: Mapping[str, bytes],
    beside: Collection[str],
    announce: Callable[[str], None],
) -> None:
    _write(home / "upstream", {**tests, **_package_files(tree)})
    notes = _convert_package(home / "async", options, announce)
    announce("migrate the tests")
    migrated, findings = _migrate_tests(options, tree, {k: v for k, v in tests.items() if k not in beside})
    _write(home / "async", {**tests, **{name: text.encode() for name, text in migrated.items()}})
    before = {name: tests[name].decode() for name in migrated}
    if findings:
        notes.append(f"the migration of the tests left {findings} places for a person to look at")
    pair = {"lost": lost_assertions(before, migrated), "notes": notes}
    (home / "pair.json").write_text(json.dumps(pair, indent=1), encoding="utf-8")


def _package_files(tree: SourceTree) -> dict[str, bytes]:
    return {name: content for name, content in tree.files.items() if name.startswith(f"{PACKAGE}/")}


def _convert_package(out: Path, options: SyncOptions, announce: Callable[[str], None]) -> list[str]:
    """Write the generated package; what sync has against it is sync's to fail for, and a note here."""
    if options.converted is not None:
        shutil.copytree(options.converted / PACKAGE, out / PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
        return []
    own = replace(options, out=out, check=False, force=True, imports=False, keep_going=True)
    notes: list[str] = []
    try:
        run_sync(own, announce=announce)
    except ProblemsError as error:
        notes.append(f"sync has {len(error.report.problems)} places to look at in this package")
    # Of the distribution only the package is wanted; pyproject.toml is upstream's on both sides, for pytest's settings.
    for name in (LOCK_FILE, "README.md", "LICENSE"):
        (out / name).unlink(missing_ok=True)
    shutil.rmtree(out / REPORT_DIRECTORY, ignore_errors=True)
    return notes


def _migrate_tests(options: SyncOptions, tree: SourceTree, tests: Mapping[str, bytes]) -> tuple[dict[str, str], int]:
    from codemods.migrate import load_library, migrate
    from codemods.rules import load_rules

    patched = engine_stages().patch(python_texts(tree), tree.version, options)
    library = load_library(patched.files, load_rules(), patched.final)
    texts = {
        name: text.decode() for name, text in tests.items() if name.startswith(f"{TESTS}/") and name.endswith(".py")
    }
    migration = migrate(texts, library)
    return migration.files, len(migration.findings)


def _write(root: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _prune(folder: Path, version: str) -> None:
    """Let go of the pairs that were made longest ago."""
    pairs = sorted(folder.glob(f"{version}-*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in pairs[_KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
