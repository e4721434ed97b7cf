"""Each release down the line with today's rules and patches, whatever comes of it; then from each to the next."""

from __future__ import annotations

import hashlib
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from pydantic import ValidationError

from codemods.backtest.model import Backtest, BacktestError, Release, Releases, State, Tried, load_releases
from codemods.backtest.report import write_backtest
from codemods.bump.index import Candidate
from codemods.errors import ToolError
from codemods.parity import Watcher
from codemods.pin import Pin
from codemods.report import Report
from codemods.sdist import archive_date, fetch_sdist
from codemods.source import SourceTree
from codemods.survey import Surveyor, deciding_sha256, step
from codemods.sync import ProblemsError, Stages, SyncOptions, dependencies, engine_stages, python_texts, run_sync
from codemods.verify import Importer, VerifyResult
from codemods.version import __version__

FOLDER = "backtest"
"""In the cache."""


@dataclass(frozen=True)
class BacktestOptions:
    """What one run is asked to do.

    Args:
        sync: of which project, and where caches are; the release is ours to say.
        versions: releases; empty is the whole list.
        fresh: whether to try again what the same toolchain has tried before.
        imports: whether every module is imported, in an environment as of the release's week.
        smoke: whether the contract's smoke is run on both packages.
        report: where the report is written; None for a folder in the cache.
        releases: the list; None for the toolchain's own.
    """

    sync: SyncOptions
    versions: tuple[str, ...] = ()
    fresh: bool = False
    imports: bool = True
    smoke: bool = True
    report: Path | None = None
    releases: Releases | None = None

    @property
    def folder(self) -> Path:
        """Where outcomes and packages are kept."""
        return self.sync.cache / FOLDER


def run_backtest(options: BacktestOptions, watcher: Watcher, *, stages: Stages | None = None) -> Backtest:
    """Try the releases and write the report.

    Args:
        options: what to do.
        watcher: sees the run as it goes.
        stages: the engine; the real one by default.

    Raises:
        BacktestError: a release that is claimed needs a person; the report is written all the same.
        ToolError: the list cannot be read.
    """
    releases = options.releases or load_releases()
    runner = _Runner(options, releases.smoke, watcher, stages or engine_stages())
    tried = tuple(runner.outcome(release) for release in releases.chosen(options.versions))
    known = [one.survey for one in tried if one.survey is not None]
    result = Backtest(
        tool=__version__,
        tried=tried,
        steps=tuple(step(before, after) for before, after in pairwise(known)),
        notes=tuple(f"{one.version} is not claimed, and came out clean" for one in tried if _is_modest(one)),
    )
    folder = options.report or options.folder / "report"
    write_backtest(result, folder)
    if result.broken_claims:
        raise BacktestError(result, folder)
    return result


def _blank(release: Release, why: str = "") -> Tried:
    stopped = State.STOPPED
    return Tried(version=release.version, claimed=release.claimed, reason=release.reason, state=stopped, why=why)


def _is_modest(one: Tried) -> bool:
    return not one.claimed and one.state is State.CLEAN


@dataclass
class _Runner:
    """Tries releases one by one."""

    options: BacktestOptions
    smoke: tuple[str, ...]
    watcher: Watcher
    stages: Stages

    def outcome(self, release: Release) -> Tried:
        """What came of a release, now or with the same toolchain before. Nothing it does ends the run."""
        kept = self.options.folder / release.version / "outcome.json"
        key = self._key(release)
        known = None if self.options.fresh else _read(kept, key)
        if known is not None:
            self.watcher.stage(f"{release.version}: taken from an earlier run")
            return known
        try:
            tried = self._try(release)
        except ToolError as error:
            why = error.problem.splitlines()[0]
            tried = _blank(release, why)
        except Exception as error:
            # Whatever a release of the past does to the toolchain is told of it, and the others are tried.
            why = f"the toolchain failed: {type(error).__name__}: {error}"
            tried = _blank(release, why)
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(f"{key}\n{tried.model_dump_json()}\n", encoding="utf-8")
        return tried

    def _key(self, release: Release) -> str:
        asked = f"{release} {self.smoke} {self.options.imports} {self.options.smoke}"
        return hashlib.sha256(f"{self._deciding} {asked}".encode()).hexdigest()

    @cached_property
    def _deciding(self) -> str:
        return deciding_sha256(self.options.sync.project.root)

    def _try(self, release: Release) -> Tried:
        said = self.watcher
        said.stage(f"{release.version}: find its archive")
        blank = _blank(release)
        try:
            archive = fetch_sdist(release.version, self.options.sync.cache, sha256=None)
        except ToolError as error:
            if not release.absent:
                raise
            return blank.model_copy(update={"state": State.ABSENT, "why": f"{release.absent} ({error.problem})"})
        if release.absent:
            return blank.model_copy(update={"why": "the list says that the index does not have it, and it does"})
        candidate = Candidate(release.version, archive.sha256, archive_date(archive.path))
        sync = self._sync_options(candidate)
        tried = self._convert(blank.model_copy(update={"released": candidate.released}), sync)
        if tried.survey is None or not self.options.smoke or not self.smoke:
            return tried
        return self._smoke(tried, sync)

    def _sync_options(self, candidate: Candidate) -> SyncOptions:
        """The release as if it were the pinned one, so that everything is as of its day; into the cache."""
        folder = self.options.folder / candidate.version
        folder.mkdir(parents=True, exist_ok=True)
        pin = Pin(
            version=candidate.version,
            sdist_sha256=candidate.sdist_sha256,
            resolved_on=candidate.resolved_on,
        )
        (folder / "pin.toml").write_text(pin.content(), encoding="utf-8")
        return replace(
            self.options.sync,
            project=replace(self.options.sync.project, pin_file=folder / "pin.toml"),
            out=folder / "generated",
            upstream=None,
            source="sdist",
            force=True,
            imports=self.options.imports,
            keep_going=True,
        )

    def _convert(self, tried: Tried, sync: SyncOptions) -> Tried:
        surveyor = Surveyor(self.stages)
        watching = surveyor.watching(released_verify if self.stages == engine_stages() else None)
        started = time.perf_counter()
        try:
            report = run_sync(sync, announce=lambda name: self._stage(tried, name), stages=watching).report
        except ProblemsError as error:
            report = error.report
        except ToolError as error:
            updates = {"why": error.problem.splitlines()[0], "stale": len(surveyor.stale)}
            return tried.model_copy(update={**updates, "seconds": {"sync": time.perf_counter() - started}})
        return tried.model_copy(
            update={
                "state": State.PERSON if report.problems else State.CLEAN,
                "problems": report.problems,
                "stale": len(report.stale_patches),
                "unresolved": len(report.unresolved),
                "coroutines": report.total.coroutines,
                "imported": report.verified.imported if report.verified else 0,
                "seconds": _stages(report, time.perf_counter() - started),
                "survey": surveyor.survey(tried.version),
            }
        )

    def _smoke(self, tried: Tried, sync: SyncOptions) -> Tried:
        from codemods.trial import try_contract

        trial = try_contract(
            replace(sync, converted=sync.target), self.watcher, sync.target.parent / "contract", self.smoke
        )
        return tried.model_copy(
            update={
                "smoke": trial.summary,
                "smoke_problems": trial.problems,
                "state": State.PERSON if trial.problems else tried.state,
                "seconds": {**tried.seconds, "contract": trial.seconds},
            }
        )

    def _stage(self, tried: Tried, name: str) -> None:
        self.watcher.stage(f"{tried.version}: {name}")


def _stages(report: Report, total: float) -> dict[str, float]:
    return {**report.seconds, "other": max(0.0, total - sum(v for k, v in report.seconds.items() if ":" not in k))}


def _read(kept: Path, key: str) -> Tried | None:
    with suppress(OSError, ValidationError):
        first, _, rest = kept.read_text(encoding="utf-8").partition("\n")
        if first == key:
            return Tried.model_validate_json(rest)
    return None


def released_verify(
    stage: Path, tree: SourceTree, options: SyncOptions, importer: Importer | None = None
) -> VerifyResult:
    """The check of the output, in an environment as of the release's week: what came later may have broken it."""
    from codemods.parity.environment import test_environment
    from codemods.pin import load_pin
    from codemods.verify import verify

    python = None
    if options.imports:
        day = load_pin(options.project.pin).resolved_on
        running = ".".join(map(str, sys.version_info[:2]))
        wanted = dependencies(stage, extras=False)
        python = test_environment(wanted, day, running, options.cache / "environments").python
    return verify(stage, python=python, importer=importer, no_python="left out", upstream=python_texts(tree))
