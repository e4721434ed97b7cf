"""Parity from end to end: two trees, two runs, what differs run again, compared, judged and reported."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from codemods.errors import ToolError, UsageError
from codemods.parity.compare import causes, compare, differing, with_reruns
from codemods.parity.environment import Environment, requirements, test_environment
from codemods.parity.ledger import DIFFERENT, LEDGER_FILE, judge, load_ledger
from codemods.parity.model import Side, SideRun, Verdict
from codemods.parity.prepare import Pair, prepare, read_tests, sources_sha256
from codemods.parity.report import ParityReport, write_report
from codemods.parity.results import (
    Results,
    Strict,
    previous_results,
    results_file,
    rows,
    since,
    summarize,
    totals,
)
from codemods.parity.run import STRICT_FLAGS, Suite, run_suite
from codemods.parity.strict import only_strict, read_strict
from codemods.pin import Pin, load_pin, normal_version
from codemods.sdist import settled
from codemods.source import SourceTree
from codemods.sync import SyncOptions, read_release
from codemods.version import __version__

RERUNS = 2
"""How often what differs is run again: all of it once, and once more what then ends otherwise."""


class Watcher(Protocol):
    """Sees a run as it goes."""

    def stage(self, name: str) -> None:
        """Something else begins."""
        ...

    def tests(self, name: str, done: int, total: int, failed: int) -> None:
        """So many tests of a suite have ended."""
        ...


class ReadTests(Protocol):
    """Reads the tests for a release."""

    def __call__(self, pin: Pin, options: SyncOptions, version: str, given: Path | None) -> dict[str, bytes]:
        """Texts by posix path below the tree that they run in, with what configures pytest.

        Args:
            pin: the pinned release.
            options: where the project is.
            version: the release that is run.
            given: a place that the user named, instead of the reader's own.

        Raises:
            NoTestsError: there are none.
        """
        ...


@dataclass(frozen=True)
class SuiteKind:
    """Which tests are run on both packages.

    Args:
        name: of the folder below `tests/` that holds the ledger, and of the one in the cache.
        read: reads them.
        beside: names of files that are no part of the program under test, and stay as they are: a server, say.
        follow: whether it is recorded which coroutines of the async package are awaited.
    """

    name: str
    read: ReadTests
    beside: frozenset[str] = frozenset()
    follow: bool = False


UPSTREAM_SUITE = SuiteKind("parity", read_tests)
"""Upstream's own."""


_SCOPES = ("asyncio_default_test_loop_scope", "asyncio_default_fixture_loop_scope")
_ONE_LOOP = tuple(part for scope in _SCOPES for part in ("-o", f"{scope}=session"))
"""Upstream's tests share interpreters for a session. Here the process of one belongs to the loop that started it."""


@dataclass(frozen=True)
class ParityOptions:
    """What one run is asked to do.

    Args:
        sync: which release, of which project; where caches are.
        suite: which tests; upstream's by default.
        tests: a checkout of upstream to take tests from, instead of the submodule's git objects.
        python: version or path of the interpreter that both sides run on.
        workers: test processes at once.
        timeout: seconds for each test.
        extra: whether to run upstream's tests that need its extras.
        deno: whether to run those that need Deno; it downloads what it needs.
        strict: whether to run the converted suite once more, for coroutines that nobody awaits and calls that block.
        only: ids or paths of tests; empty is all of them.
        report: where the report is written; None for a folder in the cache.
        record: whether to keep the results in the project, for git.
        reuse: whether to take upstream's side from an earlier run, where nothing that it depends on has changed.
    """

    sync: SyncOptions
    suite: SuiteKind = UPSTREAM_SUITE
    tests: Path | None = None
    python: str = "3.12"
    workers: int = 2
    timeout: float = 120.0
    extra: bool = True
    deno: bool = False
    strict: bool = False
    only: tuple[str, ...] = ()
    report: Path | None = None
    record: bool = False
    reuse: bool = False

    @property
    def flags(self) -> tuple[str, ...]:
        """Upstream's own flags of pytest."""
        return tuple(flag for flag, wanted in (("--extra", self.extra), ("--deno", self.deno)) if wanted)

    def flags_of(self, side: Side) -> tuple[str, ...]:
        """The same for one side: with Deno, the converted tests run on one event loop."""
        return (*self.flags, *(_ONE_LOOP if self.deno and side is Side.ASYNC else ()))

    @property
    def folder(self) -> Path:
        """Where the project keeps the ledger and the results."""
        return self.sync.project.root / "tests" / self.suite.name

    @property
    def cache(self) -> Path:
        """Where trees, runs and reports are kept."""
        return self.sync.cache / self.suite.name


class ParityError(ToolError):
    """Tests differ that the ledger does not list, the ledger says what is not so, or the strict run found something."""

    def __init__(self, report: ParityReport, folder: Path) -> None:
        lines = [f"  {problem}" for problem in report.problems]
        shown = [*lines[:40], *([f"  ... and {len(lines) - 40} more"] if len(lines) > 40 else [])]
        super().__init__(
            f"DSPy {report.results.version}: {len(lines)} places to look at\n" + "\n".join(shown),
            remedy=f"Mend each cause in the transformers or patches; what cannot pass for a reason goes into "
            f"tests/parity/{LEDGER_FILE}. By cause, with tracebacks: {folder / 'parity.html'}",
        )
        self.report = report


@dataclass(frozen=True)
class _Ground:
    """What a run stands on, read once."""

    pin: Pin
    tree: SourceTree
    tests: Mapping[str, bytes]
    sources: str
    """Digest of the transformers, rules and patches. Taken at the start: somebody may be at work on them meanwhile."""
    environment: Environment
    day: datetime.date
    """As of which its dependencies were resolved."""
    pair: Pair


def run_parity(options: ParityOptions, watcher: Watcher) -> ParityReport:
    """Run upstream's tests on both packages and write the report.

    Raises:
        ParityError: the packages differ; the report is written all the same.
        NoTestsError: upstream's tests are not at hand.
        ToolError: something else stopped the run.
    """
    if options.record and (options.only or options.reuse):
        raise UsageError(
            "only a run of all tests on both sides can be recorded",
            remedy="Leave out --record, or the tests and --reuse.",
        )
    report = run_sides(options, watcher).report
    folder = options.report or options.cache / f"report-{report.results.version}"
    write_report(report, folder)
    if options.record:
        options.folder.mkdir(parents=True, exist_ok=True)
        results_file(options.folder, report.results.version).write_bytes(report.results.content())
    if report.problems:
        raise ParityError(report, folder)
    return report


@dataclass(frozen=True)
class Sides:
    """What came of a suite on both packages.

    Args:
        pair: the trees it ran in.
        upstream: how it went on upstream's.
        converted: the same on the generated one.
        report: both held against each other and against the ledger.
    """

    pair: Pair
    upstream: SideRun
    converted: SideRun
    report: ParityReport


def run_sides(options: ParityOptions, watcher: Watcher) -> Sides:
    """Run a suite on both packages and judge what came of it; nothing is written but to the cache.

    Raises:
        NoTestsError: the tests are not at hand.
        ToolError: something else stopped the run.
    """
    ground = _read(options, watcher)
    runs = _Runs(options, ground, watcher)
    upstream, converted = runs.both()
    strict = read_strict(runs.strict(converted), converted) if options.strict else None
    report = _report(options, ground, upstream, converted, strict, runs.notes)
    return Sides(ground.pair, upstream, converted, report)


def _read(options: ParityOptions, watcher: Watcher) -> _Ground:
    pin = load_pin(options.sync.project.pin)
    version = normal_version(options.sync.upstream or pin.version)
    sources = sources_sha256(options.sync.project.root)
    watcher.stage("read the release and its tests")
    tests = options.suite.read(pin, options.sync, version, options.tests)
    tree = read_release(pin, options.sync)
    watcher.stage("the tests' environment")
    wanted = requirements(tree.files["pyproject.toml"].decode(), deno=options.deno)
    day = environment_day(pin, tree)
    environment = test_environment(wanted, day, options.python, options.sync.cache / "environments")
    pair = prepare(options.sync, tree, tests, options.cache, beside=options.suite.beside, announce=watcher.stage)
    return _Ground(pin, tree, tests, sources, environment, day, pair)


def environment_day(pin: Pin, tree: SourceTree) -> datetime.date:
    """As of which day dependencies are resolved: another release than the pinned one may need some that came later."""
    if tree.released is None or tree.version == normal_version(pin.version):
        return pin.resolved_on
    return settled(tree.released)


@dataclass
class _Runs:
    """Runs suites and remembers what is to be said about them."""

    options: ParityOptions
    ground: _Ground
    watcher: Watcher
    notes: list[str] = field(default_factory=list[str])

    def both(self) -> tuple[SideRun, SideRun]:
        """Both sides, with what differs run again."""
        only = self.options.only or None
        kept = self._kept()
        upstream = kept or self._run(Side.UPSTREAM, Side.UPSTREAM.value, only)
        converted = self._run(Side.ASYNC, Side.ASYNC.value, only)
        self.notes += [f"{run.side.value}: {note}" for run in (upstream, converted) for note in run.notes]
        again = differing(compare(upstream, converted, self.ground.pair.lost))
        for number in range(1, RERUNS + 1):
            if not again:
                break
            if kept is None:
                upstream = with_reruns(upstream, [self._run(Side.UPSTREAM, f"upstream, again {number}", again)])
            converted = with_reruns(converted, [self._run(Side.ASYNC, f"async, again {number}", again)])
            sides = (upstream.outcomes, converted.outcomes)
            again = [test for test in again if any(test in side and side[test].is_flaky for side in sides)]
        if kept is None and only is None:
            self._keeper().write_text(upstream.model_dump_json(), encoding="utf-8")
        return upstream, converted

    def _kept(self) -> SideRun | None:
        """Upstream's side as an earlier run left it, if that is wanted."""
        keeper = self._keeper()
        if not self.options.reuse or not keeper.is_file():
            return None
        run = SideRun.model_validate_json(keeper.read_bytes())
        self.notes.append("upstream's side was run earlier, so the two times cannot be compared")
        only = self.options.only
        chosen = {t: o for t, o in run.outcomes.items() if not only or t.startswith(only)}
        return run.model_copy(update={"outcomes": chosen})

    def _keeper(self) -> Path:
        """Where upstream's side is kept, by everything that it depends on."""
        ground = self.ground
        what = (ground.tree.sha256, _digest(ground.tests), ground.environment.sha256, *self.options.flags)
        name = hashlib.sha256(" ".join(what).encode()).hexdigest()[:16]
        return self.options.cache / f"upstream-{ground.tree.version}-{name}.json"

    def strict(self, plain: SideRun) -> SideRun:
        """The converted suite under stricter rules; what fails there alone is run again."""
        run = self._run(Side.ASYNC, "async, strict", self.options.only or None, STRICT_FLAGS, watch=True)
        again = only_strict(run, plain)
        if not again:
            return run
        return with_reruns(run, [self._run(Side.ASYNC, "async, strict, again", again, STRICT_FLAGS)])

    def _run(
        self, side: Side, name: str, only: Collection[str] | None, flags: tuple[str, ...] = (), *, watch: bool = False
    ) -> SideRun:
        self.watcher.stage(f"tests: {name}")
        pair = self.ground.pair
        scratch = self.options.cache / "runs" / name.replace(", ", "-").replace(" ", "-")
        suite = Suite(
            side=side,
            root=(pair.upstream if side is Side.UPSTREAM else pair.converted).resolve(),
            environment=self.ground.environment,
            scratch=scratch.resolve(),
            workers=self.options.workers,
            timeout=self.options.timeout,
            flags=(*self.options.flags_of(side), *flags),
            watch=watch,
            follow=self.options.suite.follow and side is Side.ASYNC,
        )
        return run_suite(suite, only=only, progress=self._watch(name))

    def _watch(self, name: str) -> Callable[[Mapping[str, int], int], None]:
        def progress(tally: Mapping[str, int], total: int) -> None:
            failed = tally.get("failed", 0) + tally.get("crashed", 0)
            self.watcher.tests(name, tally.get("done", 0), total, failed)

        return progress


def _report(
    options: ParityOptions,
    ground: _Ground,
    upstream: SideRun,
    converted: SideRun,
    strict: Strict | None,
    notes: Iterable[str],
) -> ParityReport:
    tree, root = ground.tree, options.sync.project.root
    compared = compare(upstream, converted, ground.pair.lost)
    entries = load_ledger(options.folder / LEDGER_FILE, tree.version)
    judgement = judge(compared, entries, root, selection=bool(options.only))
    results = Results(
        version=tree.version,
        commit=ground.pin.commit if tree.version == normal_version(ground.pin.version) else None,
        tool=__version__,
        tool_commit=_commit(root),
        sources_sha256=ground.sources,
        tests_sha256=_digest(ground.tests),
        environment=summarize(ground.environment, converted.python, ground.day.isoformat()),
        flags=options.flags,
        workers=options.workers,
        seconds={run.side.value: round(run.seconds, 1) for run in (upstream, converted)},
        listed=judgement.listed,
        totals=totals(compared),
        strict=strict,
        tests=rows(compared),
    )
    previous = None if options.only else previous_results(options.folder, tree.version)
    differ = (*judgement.listed, *judgement.unlisted)
    return ParityReport(
        results=results,
        tests=compared,
        causes=causes(one for one in compared if one.verdict in DIFFERENT),
        shared_causes=causes((one for one in compared if one.verdict is Verdict.FAILS_BOTH), Side.UPSTREAM),
        judgement=judgement,
        entries=tuple(entry for entry in entries if entry.id in judgement.listed),
        since=since(previous, compared, judgement.listed, differ) if previous is not None else None,
        notes=(*tree.notes, *ground.pair.notes, *notes),
    )


def _digest(files: Mapping[str, bytes]) -> str:
    total = hashlib.sha256()
    for name, content in sorted(files.items()):
        total.update(f"{name}\0{len(content)}\0".encode() + content)
    return total.hexdigest()


def _commit(root: Path) -> str | None:
    """The checkout's commit, with `+` where files that git knows differ from it; None outside of git."""
    try:
        from git import Repo
        from git.exc import GitError
    except ImportError:
        return None
    try:
        with Repo(root) as repo:
            changed = repo.is_dirty(untracked_files=False, submodules=False)
            return repo.head.commit.hexsha[:12] + ("+" if changed else "")
    except (GitError, ValueError):
        return None
