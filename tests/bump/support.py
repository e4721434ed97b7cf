"""A tiny checkout whose pinned release has a successor, with stages that convert it at once."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from codemods import sync as sync_module
from codemods.bump import BumpOptions, BumpReport, run_bump
from codemods.bump.model import Compared
from codemods.bump.run import Trials, Tried
from codemods.parity import ParityOptions, Watcher
from codemods.project import Project
from codemods.sdist import digest
from codemods.source import SourceTree
from codemods.sync import Stages, SyncOptions
from codemods.trial import Trial
from codemods.verify import VerifyResult
from tests.package_index import PackageIndex
from tests.releases import pin_for, release_files, write_sdist

OLD, NEW = "2.0.1", "2.1.0"
PATCH = """\
[[patch]]
kind = "edit"
symbol = "dspy.primitives.module:Module.forward"
releases = ">=2,<3"
reason = "so that it says what it is"

[[patch.edit]]
find = "return 1"
replace = "return 10"
"""
MODULE = "dspy/primitives/module.py"
NEWER = b"""\
class Module:
    def forward(self):
        with open('new'):
            return 1

    def batch(self, size):
        return [self.forward() for _ in range(size)]
"""


def new_files() -> dict[str, bytes]:
    """The successor: a patched method has changed, and a public one is new."""
    return {**release_files(NEW), MODULE: NEWER}


@dataclass
class World:
    """Everything around a bump."""

    root: Path
    cache: Path
    index: PackageIndex
    unresolved: tuple[Any, ...] = ()
    contract: tuple[str, ...] = ()
    """Problems that the contract suite has."""
    parity: tuple[str, ...] = ()
    """Problems that upstream's tests have."""
    regressions: tuple[str, ...] = ()
    runs: list[str] = field(default_factory=list)
    """Stages that were worked on, in order."""
    breaks_in: str = ""
    """The one of them that somebody presses Ctrl-C in, when its work is done."""

    @property
    def project(self) -> Project:
        return Project(self.root)

    def options(self, version: str | None = NEW, **more: Any) -> BumpOptions:
        return BumpOptions(
            sync=SyncOptions(project=self.project, cache=self.cache, imports=False), version=version, **more
        )

    def bump(self, version: str | None = NEW, watcher: Watcher | None = None, **more: Any) -> BumpReport:
        trials = Trials(contract=self._contract, parity=self._parity, constraints=self._constraints)
        return run_bump(self.options(version, **more), watcher or Silent(), engine=self.engine, trials=trials)

    @property
    def engine(self) -> Stages:
        return Stages(patch=sync_module._patch, convert=self._convert, verify=self._verify)

    def accept(self, version: str = NEW) -> None:
        """Review the patch, as a maintainer does."""
        sync_module.accept_patch(
            SyncOptions(project=self.project, cache=self.cache, upstream=version, source="sdist"),
            "dspy.primitives.module:Module.forward",
        )

    def tree(self) -> dict[str, bytes]:
        """All files of the checkout but for the report, by path."""
        paths = sorted(path for path in self.root.rglob("*") if path.is_file() and ".git" not in path.parts)
        found = {path.relative_to(self.root).as_posix(): path.read_bytes() for path in paths}
        return {name: data for name, data in found.items() if name != "bump-report.md"}

    def _works(self, what: str) -> None:
        self.runs.append(what)
        if what == self.breaks_in:
            raise KeyboardInterrupt

    def _convert(self, patched: Any, version: str, options: SyncOptions) -> Any:
        self._works(f"convert {version}")
        # What waits in one release and not in the other changes colour.
        word = "async def forward" if version == NEW else "def forward"
        files = {name: text.replace("def forward", word) for name, text in patched.files.items()}
        return SimpleNamespace(
            files=files,
            counts={MODULE: SimpleNamespace(functions=1, coroutines=1, settings=0, awaits=0)},
            unresolved=self.unresolved if version == NEW else (),
            findings=(),
            rules=(),
            twins=(),
            seconds={},
        )

    def _verify(self, stage: Path, tree: SourceTree, options: SyncOptions, importer: None) -> VerifyResult:
        return VerifyResult(7, 1, 7, (), (), (), {})

    def _contract(self, sync: SyncOptions, watcher: Watcher, folder: Path) -> Trial:
        self._works("contract")
        return Trial(summary="3 of 3", problems=self.contract, seconds=0.1)

    def _parity(self, options: ParityOptions, watcher: Watcher) -> Tried:
        self._works("parity")
        totals = {"upstream passes": 5, "async passes": 5 - len(self.parity), "passes both": 5 - len(self.parity)}
        compared = Compared(totals=totals, problems=self.parity, regressions=self.regressions, seconds=0.2)
        return Tried(compared=compared, results='{"tests": {}}\n')

    def _constraints(self, project: Project, out: Path, generated: Path) -> None:
        out.write_text(f"anyio==4.{len(out.read_text())}\n")
        self._works("constraints")


class Silent:
    """Watches and says nothing."""

    def stage(self, name: str) -> None:
        """Something else begins."""

    def tests(self, name: str, done: int, total: int, failed: int) -> None:
        """So many tests of a suite have ended."""


@dataclass
class Interrupting(Silent):
    """Presses Ctrl-C when a stage begins."""

    at: str
    error: BaseException = field(default_factory=KeyboardInterrupt)

    def stage(self, name: str) -> None:
        if name == self.at:
            raise self.error


def keep(cache: Path, folder: Path, *versions: str) -> None:
    """Put archives into the cache, as an earlier download left them: pip takes its time."""
    (cache / "sdist").mkdir(parents=True, exist_ok=True)
    for version in versions:
        archive = folder / f"dspy-{version}.tar.gz"
        shutil.copy(archive, cache / "sdist" / archive.name)
        (cache / "sdist" / f"dspy-{version}.json").write_text(json.dumps({"sha256": digest(archive)}))


def write_world(folder: Path, index: PackageIndex) -> World:
    """A checkout that was synced with the old release; the index has the new one too."""
    root = folder / "checkout"
    (root / "patches").mkdir(parents=True)
    pin = pin_for(write_sdist(index.folder, OLD), OLD)
    write_sdist(index.folder, NEW, new_files())
    (root / "pin.toml").write_text(pin.content())
    (root / "constraints.txt").write_text("anyio==4.1\n")
    (root / "patches/module.toml").write_text(PATCH)
    (root / "tests/parity").mkdir(parents=True)
    (root / "tests/parity/ledger.toml").write_text("")
    world = World(root, folder / "cache", index)
    keep(world.cache, index.folder, OLD, NEW)
    world.accept(OLD)
    sync = SyncOptions(project=world.project, cache=world.cache, source="sdist", imports=False)
    sync_module.run_sync(sync, stages=world.engine)
    world.runs.clear()
    return world
