"""The stages of a bump: find, survey the release before, sync, contract, parity, constraints, report, move."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from packaging.version import Version

from codemods.bump.index import Candidate, find_candidate
from codemods.bump.model import BumpError, BumpReport, Compared, LedgerChange, Task, to_markdown
from codemods.bump.move import move, recover
from codemods.bump.state import Stages as StageFiles
from codemods.bump.upstream import check_out, tag_commit
from codemods.constraints import resolve_constraints
from codemods.emit import LOCK_FILE, REPORT_DIRECTORY, Package, check_target, read_lock, staged
from codemods.errors import ToolError
from codemods.parity import NoTestsError, ParityError, ParityOptions, Watcher, run_parity
from codemods.parity.ledger import load_ledger as load_test_ledger
from codemods.parity.model import Row
from codemods.pin import Pin, load_pin, normal_version
from codemods.report import Report
from codemods.survey import Step, Survey, Surveyor, chains, deciding_sha256, step
from codemods.sync import ProblemsError, Stages, SyncOptions, engine_stages, python_texts, read_release, run_sync
from codemods.trial import Trial, try_contract

FOLDER = "bump"
"""In the cache."""
REPORT_FILE = "bump-report.md"
RELEASES = "codemods/backtest/releases.toml"
_TEST_LEDGERS = ("tests/parity/ledger.toml", "tests/contract/ledger.toml")


@dataclass(frozen=True)
class Trials:
    """What tries the new package; tests put others in their place."""

    contract: Callable[[SyncOptions, Watcher, Path], Trial] = try_contract
    parity: Callable[[ParityOptions, Watcher], Tried] = field(default_factory=lambda: try_parity)
    constraints: Callable[..., None] = resolve_constraints


@dataclass(frozen=True)
class BumpOptions:
    """What one run is asked to do.

    Args:
        sync: of which project, and where caches are; the release is ours to say.
        version: the release; None for the newest stable one of the index.
        contract: whether the contract suite is run.
        parity: whether upstream's tests are run, where they are at hand.
        strict: whether parity also looks for coroutines that nobody awaits and calls that block.
        draft: whether the tree is moved to the release even where something is left to a person.
        fresh: whether stages are run again that the same inputs gave an outcome before.
        workers: test processes at once.
        report: where the report is written; None for the project's root.
    """

    sync: SyncOptions
    version: str | None = None
    contract: bool = True
    parity: bool = True
    strict: bool = False
    draft: bool = False
    fresh: bool = False
    workers: int = os.cpu_count() or 1
    report: Path | None = None

    @property
    def report_file(self) -> Path:
        """Where the report is written."""
        return self.report or self.sync.project.root / REPORT_FILE

    @property
    def folder(self) -> Path:
        """Where bumps keep what they found out."""
        return self.sync.cache / FOLDER


class Synced(Row):
    """The new package."""

    report: Report
    survey: Survey
    chains: dict[str, tuple[str, ...]]


class Tried(Row):
    """What upstream's tests say, and what of it goes into git."""

    compared: Compared | None
    """None where upstream's tests are not at hand."""
    results: str = ""
    """The results file."""
    note: str = ""


class _Text(Row):
    text: str


def run_bump(
    options: BumpOptions, watcher: Watcher, *, engine: Stages | None = None, trials: Trials | None = None
) -> BumpReport:
    """Take the tree to another release, if nothing is left to a person.

    Args:
        options: what to do.
        watcher: sees the run as it goes.
        engine: the stages of sync; the real ones by default.
        trials: what tries the package; the real suites by default.

    Raises:
        BumpError: something is left to a person. The report is written; the tree is as it was (but for a draft).
        ToolError: something stopped the run. The tree is as it was.
    """
    project = options.sync.project
    recover(project.root, options.folder)
    check_target(project.generated, force=False)
    pin = load_pin(project.pin)
    started = time.perf_counter()
    watcher.stage("find")
    candidate = find_candidate(normal_version(options.version) if options.version else None, options.sync.cache)
    _check_pinned(pin, candidate)
    run = _Bump(options, watcher, engine or engine_stages(), trials or Trials(), pin, candidate)
    if options.version is None and candidate.version == pin.version:
        report = run.nothing()
    else:
        report = run.report(time.perf_counter() - started)
        if options.draft or not report.tasks:
            run.move()
            report = report.model_copy(update={"moved": True, "notes": (*report.notes, *run.notes)})
    options.report_file.write_text(to_markdown(report), encoding="utf-8")
    if report.tasks:
        raise BumpError(report, options.report_file)
    return report


def _check_pinned(pin: Pin, candidate: Candidate) -> None:
    if pin.version == candidate.version and pin.sdist_sha256 != candidate.sdist_sha256:
        raise ToolError(
            f"DSPy {pin.version} is pinned with the hash {pin.sdist_sha256}, and the index has one with "
            f"{candidate.sdist_sha256}",
            remedy="Do not use it before you know why it differs: a release's archive never changes.",
        )


@dataclass
class _Bump:
    options: BumpOptions
    watcher: Watcher
    engine: Stages
    trials: Trials
    old: Pin
    candidate: Candidate
    notes: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self.version = self.candidate.version
        self.folder = self.options.folder / self.version
        self.folder.mkdir(parents=True, exist_ok=True)
        self.pin = self._new_pin()
        self.project = replace(self.options.sync.project, pin_file=self.folder / "pin.toml")
        self.project.pin.write_text(self.pin.content(), encoding="utf-8")
        self.generated = self.folder / "generated"
        root = self.options.sync.project.root
        inputs = f"{deciding_sha256(root)} {self.pin.content()} {self.old.content()}"
        self.stages = StageFiles(self.folder, inputs, self.watcher.stage, self.options.fresh)
        self.results = self.constraints = ""

    def _new_pin(self) -> Pin:
        if self.candidate.version == self.old.version:
            return self.old
        commit, why = tag_commit(self.options.sync.project.upstream, self.candidate.version)
        if commit is not None and (other := self._differing(commit)):
            names = ", ".join(other[:5])
            why, commit = f"its tag's commit {commit} holds other files than its archive: {names}", None
        if commit is None:
            self.notes.append(f"the commit of the release is not known ({why}): the pin names its archive alone")
        return Pin(
            version=self.candidate.version,
            commit=commit,
            sdist_sha256=self.candidate.sdist_sha256,
            resolved_on=self.candidate.resolved_on,
        )

    def _differing(self, commit: str) -> list[str]:
        """Files that differ between the release's commit and its archive: a tag can be moved."""
        pin = Pin(
            version=self.candidate.version,
            commit=commit,
            sdist_sha256=self.candidate.sdist_sha256,
            resolved_on=self.candidate.released,
        )
        options = replace(self.options.sync, upstream=None)
        tagged, archived = (read_release(pin, replace(options, source=one)).files for one in ("submodule", "sdist"))
        return sorted(name for name in {*tagged, *archived} if tagged.get(name) != archived.get(name))

    def nothing(self) -> BumpReport:
        """The newest release is the pinned one."""
        return self._report((), None, None, note=f"{self.version} is the newest stable release, and it is pinned")

    def report(self, finding: float) -> BumpReport:
        """Everything but the move."""
        self.stages.seconds["find"] = finding
        before = self.stages.run("survey", Survey, self._survey_before)
        synced = self.stages.run("sync", Synced, lambda: self._sync(before), needs=self.generated / LOCK_FILE)
        clean = not synced.report.problems
        contract = parity = None
        if not clean:
            self.notes.append("contract and parity wait until sync has nothing against the package")
        if clean and self.options.contract:
            contract = self.stages.run("contract", Trial, self._contract)
        if clean and self.options.parity:
            tried = self.stages.run("parity", Tried, self._parity, str(self.options.strict))
            parity, self.results = tried.compared, tried.results
            self.notes += [tried.note] if tried.note else []
        if clean or self.options.draft:
            self.constraints = self.stages.run("constraints", _Text, self._constraints).text
        tasks = (*_sync_tasks(synced.report), *self._contract_tasks(contract), *self._parity_tasks(parity))
        return self._report(tasks, step(before, synced.survey), synced, contract=contract, parity=parity)

    def _report(
        self,
        tasks: tuple[Task, ...],
        between: Step | None,
        synced: Synced | None,
        *,
        contract: Trial | None = None,
        parity: Compared | None = None,
        note: str = "",
    ) -> BumpReport:
        self.watcher.stage("report")
        return BumpReport(
            before=self.old.version,
            version=self.version,
            commit=self.pin.commit,
            sdist_sha256=self.pin.sdist_sha256,
            released=self.candidate.released.isoformat(),
            tasks=tasks,
            step=between if self.version != self.old.version else None,
            chains=synced.chains if synced else {},
            stale=synced.report.stale_patches if synced else (),
            contract=contract,
            parity=parity,
            ledgers=tuple(self._ledger_changes()),
            seconds=self.stages.seconds,
            kept=tuple(self.stages.kept),
            notes=(*self.candidate.notes, *self.notes, *([note] if note else [])),
        )

    # --- stages -------------------------------------------------------------------------------------------------------

    def _sync_options(self) -> SyncOptions:
        return replace(
            self.options.sync,
            project=self.project,
            out=self.generated,
            upstream=None,
            source="auto",
            force=True,
            keep_going=True,
        )

    def _survey_before(self) -> Survey:
        """The pinned release, with the same rules and patches; its output is not looked at."""
        options = replace(self.options.sync, upstream=None, source="auto", keep_going=True)
        surveyor = Surveyor(self.engine)
        stages = surveyor.watching()
        tree = read_release(self.old, options)
        stages.convert(stages.patch(python_texts(tree), tree.version, options), tree.version, options)
        survey = surveyor.survey(tree.version)
        assert survey is not None  # Neither stage has raised.
        return survey

    def _sync(self, before: Survey) -> Synced:
        surveyor = Surveyor(self.engine)
        options = self._sync_options()
        try:
            report = run_sync(options, announce=self.watcher.stage, stages=surveyor.watching()).report
        except ProblemsError as error:
            report = error.report
        survey = surveyor.survey(self.version)
        assert survey is not None  # A run that has a report has converted.
        changed = [change.symbol for change in step(before, survey).recoloured if change.after]
        found = chains(surveyor.patched_texts, changed) if changed else {}
        return Synced(report=report, survey=survey, chains={name: tuple(lines) for name, lines in found.items()})

    def _contract(self) -> Trial:
        return self.trials.contract(self._converted(), self.watcher, self.folder / "contract")

    def _parity(self) -> Tried:
        options = ParityOptions(
            sync=self._converted(),
            workers=self.options.workers,
            strict=self.options.strict,
            report=self.folder / "parity",
            # Upstream's side of a run that was interrupted, or ended with something to mend.
            reuse=True,
        )
        return self.trials.parity(options, self.watcher)

    def _converted(self) -> SyncOptions:
        return replace(self._sync_options(), converted=self.generated)

    def _constraints(self) -> _Text:
        path = self.folder / "constraints.txt"
        there = self.options.sync.project.constraints
        if not there.is_file():
            return _Text(text="")
        path.write_bytes(there.read_bytes())
        self.trials.constraints(self.project, path, self.generated)
        return _Text(text=path.read_text(encoding="utf-8"))

    # --- what is left to a person -------------------------------------------------------------------------------------

    def _contract_tasks(self, trial: Trial | None) -> tuple[Task, ...]:
        problems = trial.problems if trial is not None else ()
        how = f"dspy-async contract --upstream {self.version}"
        return tuple(Task(what=f"contract: {problem}", how=how) for problem in problems)

    def _parity_tasks(self, compared: Compared | None) -> tuple[Task, ...]:
        if compared is None:
            return ()
        command = f"dspy-async parity --upstream {self.version} --reuse"
        newly = set(compared.regressions)
        return tuple(
            Task(
                what=f"parity: {problem}{' (it passed with the release before)' if problem in newly else ''}",
                how=f"{command} {problem}" if "::" in problem and " " not in problem else command,
            )
            for problem in compared.problems
        )

    def _ledger_changes(self) -> Iterator[LedgerChange]:
        """Entries that are for one of the two releases only."""
        root = self.options.sync.project.root
        for name in _TEST_LEDGERS:
            before, after = (
                {one.id for one in load_test_ledger(root / name, v)} for v in (self.old.version, self.version)
            )
            for entry in sorted(before ^ after):
                yield LedgerChange(ledger=name, entry=entry, begins=entry in after)

    # --- the move -----------------------------------------------------------------------------------------------------

    def move(self) -> None:
        """Put everything in place, all of it or nothing."""
        self.watcher.stage("move")
        root, generated = self.options.sync.project.root, self.options.sync.project.generated
        files = {"pin.toml": self.pin.content().encode()}
        if self.constraints:
            files["constraints.txt"] = self.constraints.encode()
        if self.results:
            files[f"tests/parity/results-{self.version}.json"] = self.results.encode()
        files |= self._listed(root)
        package = _read_package(self.generated)

        def swap() -> None:
            with staged(generated, package) as stage:
                _copy_report(self.generated, stage)

        last = (f"{generated.name}/{LOCK_FILE}", package.files[LOCK_FILE])
        move(
            root, self.options.folder, files, swap, last=last, announce=lambda name: self.watcher.stage(f"move: {name}")
        )
        if self.pin.commit is not None and (why := check_out(self.options.sync.project.upstream, self.pin.commit)):
            self.notes.append(f"upstream/ was left where it is ({why}): git -C upstream checkout {self.pin.commit}")

    def _listed(self, root: Path) -> dict[str, bytes]:
        """The list of releases for backtests, with this one, if it is the newest."""
        from codemods.backtest.model import load_releases

        path = root / RELEASES
        if not path.is_file() or self.version == self.old.version:
            return {}
        known = [Version(one.version) for one in load_releases(path).release]
        if Version(self.version) < max(known) or Version(self.version) in known:
            return {}
        text = path.read_text(encoding="utf-8").rstrip()
        return {RELEASES: f'{text}\n\n[[release]]\nversion = "{self.version}"\n'.encode()}


def _sync_tasks(report: Report) -> Iterator[Task]:
    for row in report.stale_patches:
        yield Task(
            what=f"patch {row.place.path}:{row.line}: {row.place.message}",
            # What does not fit cannot be accepted before it is mended.
            how=f"dspy-async patches accept {row.symbol} --upstream {report.version}" if row.fits else "",
        )
    known = [row.place for row in report.stale_patches]
    for place in report.problems:
        if place not in known:
            yield Task(what=f"{place.path}:{place.line}: {place.rule}: {place.message}")


def try_parity(options: ParityOptions, watcher: Watcher) -> Tried:
    """Upstream's tests on both packages; what differs is told, and that there are none is a note."""
    started = time.perf_counter()
    try:
        report = run_parity(options, watcher)
    except NoTestsError as error:
        return Tried(compared=None, note=f"parity was left out: {error.problem}")
    except ParityError as error:
        report = error.report
    since = report.since
    compared = Compared(
        totals=report.results.totals,
        problems=report.problems,
        regressions=since.regressions if since else (),
        arrived=since.arrived if since else (),
        gone=since.gone if since else (),
        mended=since.mended if since else (),
        seconds=time.perf_counter() - started,
    )
    return Tried(compared=compared, results=report.results.content().decode())


def _read_package(folder: Path) -> Package:
    """A package as sync wrote it."""
    lock = read_lock(folder / LOCK_FILE)
    assert lock is not None  # Sync has just written it.
    files = {name: (folder / name).read_bytes() for name in lock.files}
    return Package(dict(sorted({**files, LOCK_FILE: lock.content()}.items())), lock)


def _copy_report(generated: Path, stage: Path) -> None:
    for path in (generated / REPORT_DIRECTORY).glob("report.*"):
        (stage / REPORT_DIRECTORY).mkdir(exist_ok=True)
        shutil.copyfile(path, stage / REPORT_DIRECTORY / path.name)
