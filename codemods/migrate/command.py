"""What `dspy-async migrate` does: reads files, converts them as the programs they are, checks and writes the result."""

from __future__ import annotations

import ast
import difflib
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from codemods.coloring import Coloring
from codemods.errors import ToolError, UsageError
from codemods.migrate.assertions import check_assertions
from codemods.migrate.codes import code_of, enabled_codes
from codemods.migrate.engine import Migration, migrate
from codemods.migrate.files import (
    Named,
    SourceFile,
    UnreadableFileError,
    awaits_every_test,
    check_syntax,
    find_files,
    name_modules,
    programs,
    read_file,
)
from codemods.migrate.notebooks import Notebook, read_notebook
from codemods.source import PACKAGE
from codemods.stages import Finding

MAGIC = "DA909"
Progress = Callable[[str, int, int], None]
"""Takes a stage, how many files are through, and how many there are."""


@dataclass(frozen=True)
class MigrateOptions:
    """What one run is asked to do.

    Args:
        paths: files and directories.
        out: where the result is written; None for in place.
        write: whether anything is written at all.
        force: overwrite files that git could not give back.
        select: codes that are on, all if empty.
        disable: codes that are off.
        comments: whether a comment is put where a person must decide.
    """

    paths: tuple[Path, ...]
    out: Path | None = None
    write: bool = True
    force: bool = False
    select: tuple[str, ...] = ()
    disable: tuple[str, ...] = ()
    comments: bool = True


@dataclass(frozen=True)
class Place:
    """Where a person must decide. ``cell`` is the number of a notebook's code cell, else None."""

    path: str
    line: int
    code: str
    message: str
    cell: int | None = None

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}" if self.cell is None else f"{self.path}: cell {self.cell}:{self.line}"
        return f"{where}: {self.code} {self.message}"


@dataclass(frozen=True)
class Converted:
    """One file, before and after."""

    source: SourceFile
    text: str
    changes: Counter[str] = field(default_factory=Counter[str])

    @property
    def is_changed(self) -> bool:
        """Whether its text is another now."""
        return self.text != self.source.text


@dataclass(frozen=True)
class MigrateResult:
    """What came of a run.

    Args:
        files: every file that was read and is Python, in order.
        places: where a person must decide.
        errors: what is wrong with files that were left out.
        written: whether the result was written.
    """

    files: tuple[Converted, ...]
    places: tuple[Place, ...]
    errors: tuple[ToolError, ...]
    written: bool

    @property
    def changed(self) -> list[Converted]:
        """The files whose text is another now."""
        return [file for file in self.files if file.is_changed]

    @property
    def counts(self) -> Counter[str]:
        """How often each code was applied, or must be looked at."""
        return sum((file.changes for file in self.files), Counter(place.code for place in self.places))


class UncommittedError(ToolError):
    """Files would be overwritten that git has no copy of."""


@dataclass
class _Source:
    """A file on its way to the engine. ``program`` is its text, or that of a notebook's cells in a row."""

    file: SourceFile
    program: str
    notebook: Notebook | None = None


def run_migrate(
    options: MigrateOptions,
    library: Callable[[], Coloring],
    *,
    progress: Progress = lambda stage, done, total: None,
) -> MigrateResult:
    """Convert the files that the options name.

    Args:
        options: what to do.
        library: gives the model of the release; asked for once there is something to convert.
        progress: called with the stage, how many files are through and how many there are.

    Raises:
        UsageError: a path or a code is none.
        UncommittedError: see there.
        LostAssertionError: a test would check less.
        ToolError: something else that stops the run. In any case nothing was written.
    """
    enabled = enabled_codes(options.select, options.disable)
    paths = find_files(options.paths, without=options.out)
    errors: list[ToolError] = []
    sources: dict[Path, _Source] = {}
    for number, path in enumerate(paths):
        progress("reading", number, len(paths))
        try:
            sources[path.resolve()] = _read(path)
        except ToolError as error:
            errors.append(error)
    converted, places = _convert(sources, enabled, options, library, errors, progress) if sources else ([], [])
    _check(converted)
    changed = [file for file in converted if file.is_changed]
    writes = options.write and bool(changed or options.out)
    if writes:
        _write(converted, options)
    if writes and options.out is None:
        places = [_moved(place, changed) for place in places]
    return MigrateResult(tuple(converted), tuple(places), tuple(errors), writes)


def _read(path: Path) -> _Source:
    file = read_file(path, str(path))
    if not file.is_notebook:
        check_syntax(file.text, file.shown)
        return _Source(file, file.text)
    notebook = read_notebook(file.text, file.shown)
    return _Source(file, notebook.program, notebook)


# --- conversion -------------------------------------------------------------------------------------------------------


def _convert(
    sources: dict[Path, _Source],
    enabled: frozenset[str],
    options: MigrateOptions,
    library: Callable[[], Coloring],
    errors: list[ToolError],
    progress: Progress,
) -> tuple[list[Converted], list[Place]]:
    known = library()
    done: dict[Path, Converted] = {}
    places: list[Place] = []
    for cell_error in [error for source in sources.values() for error in _cell_errors(source)]:
        errors.append(cell_error)
    modules = _name(sources)
    refused = [named for named in modules if named.name.split(".")[0] == PACKAGE]
    errors += [_is_the_package(sources[named.path]) for named in refused]
    modules = [named for named in modules if named not in refused]
    total = len(modules)
    for group in programs(modules, {path: source.program for path, source in sources.items()}):
        by_module = {named.module_path: sources[named.path] for named in (*group.own, *group.context)}
        before = len(done)
        result = migrate(
            {path: source.program for path, source in by_module.items()},
            known,
            enabled=enabled,
            comments=options.comments,
            notebooks={path for path, source in by_module.items() if source.notebook is not None},
            context={named.module_path for named in group.context},
            awaiting={named.module_path for named in group.own if awaits_every_test(named.path)},
            progress=lambda count, _, before=before: progress("converting", before + count, total),
        )
        for named in group.own:
            done[named.path], found = _result(named.module_path, sources[named.path], result, enabled)
            places += found
    # One a line and code, as there is one comment.
    unique = {(place.path, place.cell, place.line, place.code): place for place in reversed(places)}
    ordered = sorted(unique.values(), key=lambda place: (place.path, place.cell or 0, place.line, place.code))
    return [done[path] for path in sources if path in done], ordered


def _name(sources: dict[Path, _Source]) -> list[Named]:
    """Notebooks are imported by nobody: each has a name that is nobody's."""
    modules = name_modules({path: s.program for path, s in sources.items() if s.notebook is None})
    notebooks = [path for path, source in sources.items() if source.notebook is not None]
    return [*modules, *(Named(path, path.parent, f"__notebook_{number}__") for number, path in enumerate(notebooks))]


def _is_the_package(source: _Source) -> ToolError:
    return UnreadableFileError(
        f"{source.file.shown}: a module of a package called {PACKAGE}, not of a program that uses it",
        remedy="DSPy itself is converted by `dspy-async sync`; leave the directory out.",
    )


def _cell_errors(source: _Source) -> Iterable[ToolError]:
    for cell in source.notebook.cells if source.notebook is not None else ():
        if cell.error is not None:
            yield UnreadableFileError(
                f"{source.file.shown}: cell {cell.number}:{cell.error_line}: not valid Python: {cell.error}",
                remedy="Mend the cell, then run the command again. It was left as it was.",
            )


def _result(path: str, source: _Source, result: Migration, enabled: frozenset[str]) -> tuple[Converted, list[Place]]:
    findings = [finding for finding in result.findings if finding.path == path]
    changes = Counter(result.changes[path])
    shown, program = source.file.shown, result.files[path]
    if source.notebook is None:
        places = [_place(shown, finding) for finding in findings]
        return Converted(source.file, program, changes), places
    places = [_place(shown, finding, source.notebook) for finding in findings]
    if MAGIC in enabled:
        for cell, line, magic in source.notebook.waiting_magics(program):
            places.append(Place(shown, line, MAGIC, f"{magic} runs code that awaits", cell))
    text = source.notebook.rewritten(program)
    _compiles(program, shown)
    return Converted(source.file, text, changes), places


def _place(shown: str, finding: Finding, notebook: Notebook | None = None) -> Place:
    cell, line = (None, finding.line) if notebook is None else notebook.place(finding.line)
    return Place(shown, line, code_of(finding.rule), finding.message, cell)


# --- checks -----------------------------------------------------------------------------------------------------------


def _check(files: Sequence[Converted]) -> None:
    """What is certain about the result, before anything is written."""
    modules = {file.source.shown: file for file in files if file.is_changed and not file.source.is_notebook}
    for shown, file in modules.items():
        _compiles(file.text, shown)
    before = {shown: file.source.text for shown, file in modules.items()}
    check_assertions(before, {shown: file.text for shown, file in modules.items()})


def _compiles(text: str, shown: str) -> None:
    """Python takes it; a script whose codes are switched off may await at its top level, as a notebook does."""
    try:
        compile(text, shown, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise ToolError(
            f"{shown}: the conversion is not valid Python (its line {getattr(error, 'lineno', None)}): {error}",
            remedy="Nothing was written. This is a defect of the toolchain: please report it, and leave the file out.",
        ) from error


# --- writing ----------------------------------------------------------------------------------------------------------


def _write(files: Sequence[Converted], options: MigrateOptions) -> None:
    if options.out is not None:
        targets = _targets(files, options)
        for target in targets.values():
            target.parent.mkdir(parents=True, exist_ok=True)
        _write_all([(targets[file.source.path], file) for file in files])
        return
    changed = [file for file in files if file.is_changed]
    if not options.force:
        _check_committed(changed)
    _write_all([(file.source.path.resolve(), file) for file in changed])


def _targets(files: Sequence[Converted], options: MigrateOptions) -> dict[Path, Path]:
    """Where each file goes below ``--out``: as it stands below the directory that all paths have in common."""
    assert options.out is not None
    starts = [path.resolve() if path.is_dir() else path.resolve().parent for path in options.paths]
    common = Path(os.path.commonpath(starts))
    targets = {
        file.source.path: options.out.resolve() / file.source.path.resolve().relative_to(common) for file in files
    }
    own = {file.source.path.resolve() for file in files}
    if any(target in own for target in targets.values()):
        raise UsageError("--out is where the program itself is", remedy="Name another directory, or leave --out away.")
    return targets


def _write_all(files: Sequence[tuple[Path, Converted]]) -> None:
    """Write every file beside its target first, and put them in place when all are there."""
    staged: list[tuple[Path, Path]] = []
    try:
        for target, file in files:
            handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
            staged.append((Path(name), target))
            with os.fdopen(handle, "wb") as stream:
                stream.write(file.source.encoding.encode(file.text))
            shutil.copymode(file.source.path, name)
        for fresh, target in staged:
            fresh.replace(target)
    except OSError as error:
        raise ToolError(f"the result cannot be written: {error}", remedy="Make room or set the rights.") from error
    finally:
        for fresh, _ in staged:
            fresh.unlink(missing_ok=True)


def _check_committed(files: Sequence[Converted]) -> None:
    dirty = [file.source.shown for file in files if _is_uncommitted(file.source.path.resolve())]
    if dirty:
        listed = "\n".join(f"  {name}" for name in dirty)
        raise UncommittedError(
            f"files that would be rewritten have changes that are not committed:\n{listed}",
            remedy="Commit or stash them, so that the conversion can be seen and undone; --force overwrites them, and "
            "--diff and --out leave them alone.",
        )


def _is_uncommitted(path: Path) -> bool:
    """Whether git knows the directory, and could not give the file back as it is. Without git, nothing is known."""
    try:
        from git import Repo
        from git.exc import GitError
    except ImportError:
        return False
    try:
        with Repo(path.parent, search_parent_directories=True) as repo:
            repo.git.update_environment(GIT_DIR=str(repo.git_dir))
            return bool(repo.git.status("--porcelain", "--ignored", "--", str(path)))
    except (GitError, ValueError, OSError):
        return False


def _moved(place: Place, changed: Sequence[Converted]) -> Place:
    """The place in the text that was written; of a notebook's cells the numbers stay."""
    file = next((each for each in changed if each.source.shown == place.path), None)
    if file is None or place.cell is not None:
        return place
    before, after = file.source.text.splitlines(), file.text.splitlines()
    for _, first, last, start, end in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if first < place.line <= last:
            # Of a block that was replaced, the end is nearer: comments and decorators come first.
            line = max(start + 1, end - (last - place.line))
            return Place(place.path, line, place.code, place.message)
    return place
