"""The line a release goes down, from the pin to the swapped-in package, and what is said about it."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from codemods import report as reports
from codemods.emit import (
    LOCK_FILE,
    REPORT_DIRECTORY,
    Differences,
    Lock,
    Package,
    build_package,
    check_target,
    compare,
    read_lock,
    staged,
)
from codemods.errors import ToolError
from codemods.explanations import Explanations
from codemods.kept import DIRECTORY, Store, digest, directory_files
from codemods.ledger import Ledger, load_ledger
from codemods.memory import no_collection
from codemods.pin import Pin, load_pin
from codemods.project import Project
from codemods.report import Counts, PatchRow, Place, Report, RuleRow, StaleRow, Verified
from codemods.rules import check_rules, load_rules, mismatches
from codemods.source import PACKAGE, SourceTree, load_source
from codemods.stages import Conversion, Patched, RuleUse
from codemods.syntax import parsed

if TYPE_CHECKING:
    from codemods.verify import Checker, VerifyResult
    from codemods.verify.importer import Importer

FAILED_DIRECTORY = "failed-sync"
"""Where, in the cache, the report of a run that stopped is kept: its target is not touched."""
ENVIRONMENTS = "environments"
"""Where, in the cache, environments with the package's dependencies are kept."""


@dataclass(frozen=True)
class SyncOptions:
    """What one run is asked to do.

    Args:
        project: the checkout that holds the pin and the patches.
        cache: directory for archives and environments.
        out: the target; None for the project's own.
        upstream: another release than the pinned one.
        source: see `codemods.source.load_source`.
        check: write nothing, and fail where the target differs from what would be written.
        jobs: processes for the work per file, at least 1.
        force: overwrite hand edits.
        imports: whether the check of the output imports every module, in an environment made for it.
        types: whether a type checker compares the output with upstream, in an environment with all extras too.
        keep_going: write the output even where a person must look at it, patches that are stale and rules that do not
            match as they declare among it. The run fails all the same.
        converted: what this line wrote for the same release from the same sources, for those who would convert it
            once more.
    """

    project: Project
    cache: Path
    out: Path | None = None
    upstream: str | None = None
    source: str = "auto"
    check: bool = False
    jobs: int = 1
    force: bool = False
    imports: bool = True
    types: bool = False
    keep_going: bool = False
    converted: Path | None = None

    @property
    def target(self) -> Path:
        """The directory that is written."""
        return (self.out or self.project.generated).resolve()

    @cached_property
    def store(self) -> Store:
        """What earlier runs worked out."""
        return Store(self.cache / DIRECTORY)


@dataclass(frozen=True)
class SyncResult:
    """What came of a run that succeeded.

    Args:
        out: the target directory.
        report: what was done.
        written: False for a check.
    """

    out: Path
    report: Report
    written: bool


class DifferencesError(ToolError):
    """A check found that the target is not what sync would write."""

    def __init__(self, out: Path, differences: Differences) -> None:
        kinds = {"differs": differences.changed, "is missing": differences.missing, "is extra": differences.extra}
        listed = "\n".join(_first([f"  {name} {kind}" for kind, names in kinds.items() for name in names]))
        super().__init__(f"{out} is not what sync writes:\n{listed}", remedy="Write it anew with: dspy-async sync")
        self.differences = differences


class ProblemsError(ToolError):
    """The conversion has places that a person must look at."""

    def __init__(self, report: Report, folder: Path, *, written: bool) -> None:
        lines = [f"  {p.path}:{p.line}: {p.rule}: {p.message}" for p in report.problems]
        listed = "\n".join(_first(lines))
        state = "The output was written all the same." if written else "Nothing was written."
        super().__init__(
            f"DSPy {report.version} has {len(report.problems)} places to look at. {state}\n{listed}",
            remedy="Settle each with a rule in codemods/rules.toml or a patch (`dspy-async explain SYMBOL` shows why a "
            "function is coloured), or list it in open.toml with the reason why it has to wait. "
            f"The whole report: {folder / 'report.md'}",
        )
        self.report = report


def _first(lines: list[str], count: int = 50) -> list[str]:
    """As many lines as a message can hold, and how many there are beyond."""
    return lines if len(lines) <= count else [*lines[:count], f"  ... and {len(lines) - count} more"]


@contextmanager
def nothing_beside(tree: SourceTree, patched: Patched, options: SyncOptions) -> Generator[None]:
    """What goes on beside a conversion whose check asks for nothing."""
    yield


@dataclass(frozen=True)
class Stages:
    """The stages around which this module only lays the track; tests put others in their place."""

    patch: Callable[[Mapping[str, str], str, SyncOptions], Patched]
    convert: Callable[[Patched, str, SyncOptions], Conversion]
    verify: Callable[[Path, SourceTree, SyncOptions, Importer | None], VerifyResult]
    beside: Callable[[SourceTree, Patched, SyncOptions], AbstractContextManager[Importer | None]] = nothing_beside
    """What goes on while the release is converted and checked, for the check to ask."""


@dataclass
class _Clock:
    """Announces stages and measures them."""

    announce: Callable[[str], None]
    seconds: dict[str, float] = field(default_factory=dict[str, float])

    @contextmanager
    def stage(self, name: str) -> Generator[None]:
        self.announce(name)
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = time.perf_counter() - started


@no_collection()
def run_sync(
    options: SyncOptions, *, announce: Callable[[str], None] = lambda stage: None, stages: Stages | None = None
) -> SyncResult:
    """Convert a release and put the result in place, or check that it is in place.

    Args:
        options: what to do.
        announce: called with the name of each stage as it starts.
        stages: the engine; the real one by default.

    Raises:
        ToolError: something needs a person. The target is as it was (but for `keep_going`).
    """
    engine, clock = stages or engine_stages(), _Clock(announce)
    if not options.check:
        check_target(options.target, force=options.force)
    pin = load_pin(options.project.pin)
    with clock.stage("source"):
        tree = read_release(pin, options)
        texts = python_texts(tree, options.store)
    with clock.stage("patches"):
        patched = engine.patch(texts, tree.version, options)
    with engine.beside(tree, patched, options) as importer:
        with clock.stage("convert"):
            conversion = engine.convert(patched, tree.version, options)
        clock.seconds |= {f"convert: {name}": value for name, value in conversion.seconds.items()}
        with clock.stage("emit"):
            package = build_package(pin, tree, conversion.files)
        ledger = load_ledger(options.project.ledger, tree.version)
        draft = _draft(tree, package, patched, conversion, clock)
        if options.check:
            return _check(options, package, draft, ledger)
        return _write(
            options, package, draft, ledger, lambda stage: engine.verify(stage, tree, options, importer), clock
        )


def _check(options: SyncOptions, package: Package, draft: Report, ledger: Ledger) -> SyncResult:
    # The output is not checked here: the sync that wrote it did, and this one compares every byte.
    draft = _with_known(draft, ledger).model_copy(update={"stale": ()})
    if draft.problems:
        raise _stopped(draft, options)
    differences = compare(options.target, package)
    if differences:
        raise DifferencesError(options.target, differences)
    return SyncResult(options.target, draft, written=False)


def _write(
    options: SyncOptions,
    package: Package,
    draft: Report,
    ledger: Ledger,
    verify: Callable[[Path], VerifyResult],
    clock: _Clock,
) -> SyncResult:
    out = options.target
    previous = reports.read_report(out)
    changes = reports.compare_locks(_old_lock(out), package.lock, previous, draft.patches)
    with staged(out, package, force=options.force) as stage:
        with clock.stage("verify"):
            verified = verify(stage)
        updates = {"verified": _verified(verified), "changes": changes, "seconds": clock.seconds}
        report = _with_known(draft.model_copy(update=updates), ledger)
        if report.problems and not options.keep_going:
            raise _stopped(report, options)
        reports.write_report(report, stage / REPORT_DIRECTORY)
    if report.problems:
        raise ProblemsError(report, out / REPORT_DIRECTORY, written=True)
    return SyncResult(out, report, written=True)


def _with_known(report: Report, ledger: Ledger) -> Report:
    """The report with what the ledger lists told apart from what is new."""
    defects = report.verified.defects if report.verified else ()
    found = (report.unresolved, report.findings, defects)
    split = [ledger.split(places) for places in found]
    verified = report.verified.model_copy(update={"defects": split[2][0]}) if report.verified else None
    updates = {
        "unresolved": split[0][0],
        "findings": split[1][0],
        "verified": verified,
        "known": tuple(place for _, known in split for place in known),
        "stale": ledger.stale(place for places in found for place in places),
    }
    return report.model_copy(update=updates)


def _stopped(report: Report, options: SyncOptions) -> ProblemsError:
    folder = options.cache / FAILED_DIRECTORY
    reports.write_report(report, folder)
    return ProblemsError(report, folder, written=False)


def _old_lock(out: Path) -> Lock | None:
    try:
        return read_lock(out / LOCK_FILE)
    except ToolError:
        # `check_target` has let it pass, so the run is forced, and what the lock said is lost.
        return None


def read_release(pin: Pin, options: SyncOptions) -> SourceTree:
    """The release that the options name, the pinned one by default.

    Raises:
        ToolError: as for `load_source`.
    """
    return load_source(pin, options.source, options.upstream, submodule=options.project.upstream, cache=options.cache)


def python_texts(tree: SourceTree, store: Store | None = None) -> dict[str, str]:
    """The release's Python files as text, by posix path.

    Args:
        tree: the release.
        store: where it is kept of which texts one knows that they parse.

    Raises:
        ToolError: files that are not UTF-8 or do not parse, all of them, with file and line.
    """
    texts: dict[str, str] = {}
    faults: list[str] = []
    for name, content in tree.files.items():
        if name.startswith(f"{PACKAGE}/") and name.endswith(".py"):
            try:
                texts[name] = content.decode()
                _check_that_it_parses(texts[name], store or Store())
            except UnicodeDecodeError as error:
                faults.append(f"  {name}: is not UTF-8 ({error.reason} at byte {error.start})")
            except (SyntaxError, ValueError) as error:
                # ValueError: a null byte, in Pythons before 3.12.
                faults.append(f"  {name}:{getattr(error, 'lineno', None) or 0}: {getattr(error, 'msg', error)}")
    if faults:
        raise ToolError(
            f"files of DSPy {tree.version} do not parse:\n" + "\n".join(faults),
            remedy="If the release needs a newer Python, run the tool on that one; else the source is damaged: "
            "read it from elsewhere with --source.",
        )
    return texts


def _check_that_it_parses(text: str, store: Store) -> None:
    key = digest("parses", text)
    if not store.has(key):
        parsed(text)
        store.put_text(key, "")


# --- the engine -------------------------------------------------------------------------------------------------------


def engine_stages() -> Stages:
    """The real stages. What they import is loaded when they run: it takes longer than `--help` may take."""
    return Stages(patch=_patch, convert=_convert, verify=_verify, beside=early_imports)


@contextmanager
def early_imports(tree: SourceTree, patched: Patched, options: SyncOptions) -> Generator[Importer | None]:
    """The import check's process, which takes in what the package needs while that is converted.

    There is none where nothing is to be converted, or the environment is still to be made.
    """
    from codemods.verify.importer import Importer, needed

    wanted = options.imports and not options.check and not options.store.has(_conversion_key(patched, tree.version))
    python = _early_python(tree, options) if wanted else None
    if python is None:
        yield None
        return
    importer = Importer(python, needed(parsed(text) for text in patched.files.values()))
    try:
        yield importer
    finally:
        importer.close()


def _early_python(tree: SourceTree, options: SyncOptions) -> Path | None:
    """The interpreter that the import check will use, if it is there already."""
    from codemods.verify import dependency_environment

    project = tomllib.loads(tree.files["pyproject.toml"].decode()).get("project", {})
    return dependency_environment(project.get("dependencies", []), options.cache / ENVIRONMENTS, build=False)


def _patch(files: Mapping[str, str], version: str, options: SyncOptions) -> Patched:
    def reviewed(release: str) -> Mapping[str, str] | None:
        """An earlier release, to show what upstream changed since; the change is shown without it, if need be."""
        try:
            return python_texts(read_release(load_pin(options.project.pin), replace(options, upstream=release)))
        except ToolError:
            return None

    def apply() -> Patched:
        from codemods.patches import apply_patches, load_patches

        patches = load_patches(options.project.patches)
        return apply_patches(
            files, patches, version, reviewed=reviewed, tolerant=options.keep_going, store=options.store
        )

    key = digest("patches", version, str(options.keep_going), _our_patches(options), files)
    return options.store.value(Patched, key, apply)


def _our_patches(options: SyncOptions) -> dict[str, str]:
    return {name: content.hex() for name, content in directory_files(options.project.patches).items()}


def _convert(patched: Patched, version: str, options: SyncOptions) -> Conversion:
    def make() -> Conversion:
        from codemods.convert import convert

        return convert(
            patched.files,
            version=version,
            rules=load_rules(),
            jobs=options.jobs,
            final=patched.final,
            store=options.store,
        )

    key = _conversion_key(patched, version)
    # Another run's seconds would be no figures of this one.
    conversion = options.store.value(Conversion, key, make, keep=lambda made: replace(made, seconds={}))
    if not options.keep_going:
        check_rules(conversion.rules)
    return conversion


def _conversion_key(patched: Patched, version: str) -> str:
    return digest("conversion", version, patched.files, patched.final)


def _verify(stage: Path, tree: SourceTree, options: SyncOptions, importer: Importer | None) -> VerifyResult:
    from codemods.verify import VerifyResult, dependency_environment, verify

    python = None
    if options.imports:
        python = dependency_environment(dependencies(stage, extras=False), options.cache / ENVIRONMENTS)

    def make() -> VerifyResult:
        return verify(
            stage,
            python=python,
            importer=importer,
            no_python="left out with --no-imports",
            upstream=python_texts(tree, options.store),
            checker=type_checker(stage, tree.version, options) if options.types else None,
            store=options.store,
        )

    output = {name: content.hex() for name, content in directory_files(stage).items()}
    key = digest("verified", str(python), str(options.types), output, tree.sha256)
    # What was found may be the environment's fault, and gone the next time.
    return options.store.value(VerifyResult, key, make, keep=lambda made: None if made.defects else made)


def type_checker(package_root: Path, version: str, options: SyncOptions) -> Checker:
    """A type checker with an environment that has what the package needs and all that its extras ask for.

    Args:
        package_root: the folder that holds the package's `pyproject.toml`.
        version: the release. For the pinned one the dependencies have the versions of the project's constraints.
        options: where environments are kept, and the project.

    Raises:
        ToolError: the environment could not be made.
    """
    from codemods.verify import Checker, dependency_environment

    pinned = load_pin(options.project.pin).version == version
    python = dependency_environment(
        dependencies(package_root, extras=True),
        options.cache / ENVIRONMENTS,
        constraints=options.project.constraints if pinned else None,
    )
    assert python is not None  # It was made, if it was not there.
    return Checker(python, options.cache / "types")


def dependencies(package_root: Path, *, extras: bool) -> list[str]:
    """What a package asks for in its pyproject.toml, with all its extras if they are wanted."""
    project = tomllib.loads((package_root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = project.get("optional-dependencies", {}).values() if extras else ()
    return [*project["dependencies"], *chain.from_iterable(optional)]


@no_collection()
def explain_symbol(options: SyncOptions, symbol: str) -> list[str]:
    """Why a function of the release is a coroutine or takes settings, call by call down to the leaf.

    Raises:
        ToolError: there is no such symbol, or the release cannot be had.
    """
    tree = read_release(load_pin(options.project.pin), options)

    def make() -> Explanations:
        from codemods.convert import explanations

        # A release whose patches are not all reviewed can be asked about too: that is when one wants to know.
        patched = engine_stages().patch(python_texts(tree), tree.version, replace(options, keep_going=True))
        return explanations(patched.files, load_rules())

    key = digest("explanations", tree.version, tree.sha256, _our_patches(options))
    return options.store.value(Explanations, key, make).of(symbol)


def accept_patch(options: SyncOptions, symbol: str) -> list[str]:
    """Record that the patches of a symbol were reviewed against the release.

    Returns:
        The places of the patches, `file:line`.

    Raises:
        ToolError: there is no such patch, or the release cannot be had.
    """
    from codemods.patches import accept

    tree = read_release(load_pin(options.project.pin), options)
    return list(accept(options.project.patches, symbol, python_texts(tree), tree.version))


# --- the report -------------------------------------------------------------------------------------------------------


def _draft(tree: SourceTree, package: Package, patched: Patched, conversion: Conversion, clock: _Clock) -> Report:
    """The report as far as it is known before the output is checked."""

    counts = {
        path: Counts(name=path, functions=c.functions, coroutines=c.coroutines, settings=c.settings, awaits=c.awaits)
        for path, c in conversion.counts.items()
    }
    packages, total = reports.subpackages(counts)
    return Report(
        version=tree.version,
        origin=tree.origin,
        source_sha256=tree.sha256,
        tool=package.lock.tool,
        packages=packages,
        total=total,
        patches=tuple(
            PatchRow(symbol=p.symbol, kind=p.kind, reason=p.reason, matches=p.matches, lines=p.lines)
            for p in patched.applied
        ),
        unresolved=tuple(
            Place(rule=f.rule, path=f.path, line=f.line, message=f.message) for f in conversion.unresolved
        ),
        findings=tuple(Place(rule=f.rule, path=f.path, line=f.line, message=f.message) for f in conversion.findings),
        rules=_rule_rows(conversion.rules),
        mismatched=_rule_rows(mismatches(conversion.rules)),
        stale_patches=tuple(StaleRow.model_validate(asdict(patch)) for patch in patched.stale),
        verified=None,
        seconds=clock.seconds,
        notes=tree.notes,
    )


def _rule_rows(uses: Iterable[RuleUse]) -> tuple[RuleRow, ...]:
    return tuple(RuleRow(rule=use.rule, expected=str(use.expected), matches=use.matches) for use in uses)


def _verified(result: VerifyResult) -> Verified:
    return Verified(
        files=result.files,
        coroutines=result.coroutines,
        imported=result.imported,
        defects=tuple(Place(rule=d.check, path=d.path, line=d.line, message=d.message) for d in result.defects),
        optional=tuple(f"{one.module} ({one.missing})" for one in result.optional),
        skipped=result.skipped,
    )
