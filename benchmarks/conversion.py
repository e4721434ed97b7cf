"""What the toolchain itself costs: whole processes, as a maintainer starts them, with a cache of their own.

Each function is a row `[[command]]` of measures.toml of its name, and gives one number.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from codemods.errors import ToolError
from codemods.kept import DIRECTORY
from codemods.pin import load_pin
from codemods.project import CACHE_VARIABLE, cache_directory, find_project
from codemods.source import PACKAGE
from codemods.sync import SyncOptions, read_release

_KIBIBYTE = 1 if sys.platform == "darwin" else 1024
"""Bytes in the unit of `ru_maxrss`."""


@dataclass(frozen=True)
class Used:
    """What a process took.

    Args:
        seconds: from its start to its end.
        mebibytes: the most that it, or one that it started and waited for, had in memory.
    """

    seconds: float
    mebibytes: float


class Toolchain:
    """The pinned release's archive, a copy of its files to change, a cache and a target.

    Args:
        home: the folder for all of it.
    """

    def __init__(self, home: Path) -> None:
        project, common = find_project(Path(__file__).parent), cache_directory()
        self.root = project.root
        self.cache, self.source, self.out = home / "cache", home / "source", home / "generated"
        release = read_release(load_pin(project.pin), SyncOptions(project=project, cache=common, source="sdist"))
        shutil.copytree(common / "sdist", self.cache / "sdist", dirs_exist_ok=True)
        shutil.rmtree(self.source, ignore_errors=True)
        for name, content in release.files.items():
            path = self.source / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        self._changes = 0

    def run(self, *arguments: str) -> Used:
        """Run `dspy-async`. Raises ToolError where it fails."""
        # What it prints is not read while it runs: no stage of it writes more than a pipe holds.
        command = [sys.executable, "-m", "codemods", *arguments]
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=self.root,
            env={**kept, CACHE_VARIABLE: str(self.cache)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        _, errors = process.communicate()
        if process.returncode:
            raise ToolError(f"dspy-async {' '.join(arguments)} failed:\n{errors[-3000:]}", remedy="Run it by itself.")
        return Used(seconds, _mebibytes(usage))

    def sync(self, *arguments: str) -> Used:
        """Convert the release from its archive."""
        return self.run("sync", "--source", "sdist", "--out", str(self.out), "--force", *arguments)

    def sync_copy(self) -> Used:
        """Convert the copy of the release's files."""
        return self.run("sync", "--source", str(self.source), "--out", str(self.out), "--force")

    def forget(self) -> None:
        """Let go of what earlier runs worked out; the archive and the environment stay."""
        shutil.rmtree(self.cache / DIRECTORY, ignore_errors=True)

    def change(self) -> None:
        """Add a function to one file: the median of those that the package's own async code stands in, by size."""
        files = sorted((self.source / PACKAGE).rglob("*.py"), key=lambda file: (file.stat().st_size, str(file)))
        waiting = [file for file in files if "async def" in file.read_text("utf-8")]
        self._changes += 1
        with waiting[len(waiting) // 2].open("a", encoding="utf-8") as file:
            file.write(f"\n\ndef added_{self._changes}(value):\n    return [value, {self._changes}]\n")


def _mebibytes(usage: resource.struct_rusage) -> float:
    return usage.ru_maxrss * _KIBIBYTE / 2**20


def fresh(toolchain: Toolchain) -> float:
    """Seconds of a sync of which nothing is kept."""
    toolchain.forget()
    return toolchain.sync().seconds


def fresh_memory(toolchain: Toolchain) -> float:
    """Mebibytes of its largest process."""
    toolchain.forget()
    return toolchain.sync().mebibytes


def unchanged(toolchain: Toolchain) -> float:
    """Seconds of a sync of what was synced before."""
    toolchain.sync()
    return toolchain.sync().seconds


def one_changed(toolchain: Toolchain) -> float:
    """Seconds of a sync after one file of the release has changed."""
    toolchain.sync_copy()
    toolchain.change()
    return toolchain.sync_copy().seconds


def show_help(toolchain: Toolchain) -> float:
    """Seconds of `--help`."""
    return toolchain.run("--help").seconds


def explain(toolchain: Toolchain) -> float:
    """Seconds of an explanation of a model that is kept."""
    symbol = "dspy.predict.predict:Predict.forward"
    toolchain.run("explain", symbol)
    return toolchain.run("explain", symbol).seconds


COMMANDS: dict[str, Callable[[Toolchain], float]] = {
    each.__name__: each for each in (fresh, fresh_memory, unchanged, one_changed, show_help, explain)
}
