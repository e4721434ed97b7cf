"""The stages of a build: wheel and sdist, their metadata, upstream's wheel beside ours, a trial on each Python."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from codemods.build.wheels import SideBySide, Wheel, read_wheel, side_by_side
from codemods.emit import LOCK_FILE, TYPED, distribution_version, read_lock
from codemods.errors import ToolError
from codemods.parity.environment import find_python, find_uv
from codemods.parity.model import Row
from codemods.pin import Pin, load_pin
from codemods.project import Project
from codemods.sdist import fetch_sdist

PYTHONS = ("3.10", "3.11", "3.12", "3.13")
"""What the converted package is for, as upstream is."""
SMOKE = Path(__file__).with_name("smoke.py")
_NAME = "dspy_async"

T = TypeVar("T")
Run = Callable[[Sequence[str | Path], Path], subprocess.CompletedProcess[str]]


@dataclass(frozen=True)
class BuildOptions:
    """What one run is asked to do.

    Args:
        project: whose package is built.
        cache: directory for archives, upstream's wheel and environments.
        generated: the package; None for the project's own.
        pythons: versions to try the wheel on; those that are not here are told.
        upstream: whether to hold the wheel against upstream's.
    """

    project: Project
    cache: Path
    generated: Path | None = None
    pythons: tuple[str, ...] = PYTHONS
    upstream: bool = True

    @property
    def source(self) -> Path:
        """The package."""
        return (self.generated or self.project.generated).resolve()

    @property
    def dist(self) -> Path:
        """Where wheel and sdist are written."""
        return self.source / "dist"


class OnPython(Row):
    """What came of the wheel on one Python."""

    python: str
    found: str
    """Its full version; empty where there is none here."""
    seconds: float = 0.0
    problem: str = ""


class BuildReport(Row):
    """Everything there is to say of one build."""

    version: str
    wheel: str
    sdist: str
    sides: SideBySide | None
    """None where it was not asked for."""
    pythons: tuple[OnPython, ...]
    problems: tuple[str, ...]
    """What the checkers of metadata and of wheels say."""
    seconds: dict[str, float]

    @property
    def faults(self) -> tuple[str, ...]:
        """Everything for which the build is no success, a line each."""
        sides = self.sides.problems if self.sides is not None else ()
        tried = [f"Python {one.python}: {one.problem}" for one in self.pythons if one.problem]
        nowhere = [] if any(one.found for one in self.pythons) else ["none of the Pythons is here to try the wheel on"]
        return (*self.problems, *sides, *tried, *nowhere)


class BuildError(ToolError):
    """What was built is not what may be published."""

    def __init__(self, report: BuildReport) -> None:
        listed = "\n".join(f"  {fault}" for fault in report.faults)
        super().__init__(
            f"dspy-async {report.version} may not be published as it is:\n{listed}",
            remedy="Mend it in the toolchain, in patches/ or in pin.toml, then: nox -s sync build",
        )
        self.report = report


def run_build(
    options: BuildOptions, announce: Callable[[str], None] = lambda stage: None, *, run: Run | None = None
) -> BuildReport:
    """Build, check, compare and try; wheel and sdist are left in `dist/` of the package.

    Args:
        options: what to do.
        announce: called with the name of each stage as it starts.
        run: starts a command in a directory; for tests.

    Raises:
        BuildError: something is wrong with what was built.
        ToolError: nothing could be built.
    """
    builder = _Builder(options, announce, run or _run)
    pin = builder.pin()
    wheel, sdist = builder.timed("build", builder.distributions)
    problems = builder.timed("metadata", lambda: builder.metadata(wheel, sdist, pin))
    own = read_wheel(wheel)
    sides = builder.timed("upstream's wheel", lambda: builder.sides(own, pin)) if options.upstream else None
    pythons = tuple(
        builder.timed(f"Python {one}", lambda one=one: builder.on(one, wheel, pin)) for one in options.pythons
    )
    report = BuildReport(
        version=own.version,
        wheel=wheel.name,
        sdist=sdist.name,
        sides=sides,
        pythons=pythons,
        problems=tuple(problems),
        seconds=builder.seconds,
    )
    if report.faults:
        raise BuildError(report)
    return report


@dataclass
class _Builder:
    options: BuildOptions
    announce: Callable[[str], None]
    run: Run
    seconds: dict[str, float] = field(default_factory=dict[str, float])

    def timed(self, name: str, work: Callable[[], T]) -> T:
        self.announce(name)
        started = time.perf_counter()
        try:
            return work()
        finally:
            self.seconds[name] = time.perf_counter() - started

    def pin(self) -> Pin:
        """The pin, which the package must have been made for."""
        source, pin = self.options.source, load_pin(self.options.project.pin)
        lock = read_lock(source / LOCK_FILE)
        if lock is None or not (source / "pyproject.toml").is_file():
            raise ToolError(f"{source} holds no package yet", remedy="Write it first: nox -s sync build")
        if lock.upstream.version != pin.version:
            raise ToolError(
                f"{source} holds DSPy {lock.upstream.version}, and the pin names {pin.version}",
                remedy="Write it anew: nox -s sync build",
            )
        return pin

    def distributions(self) -> tuple[Path, Path]:
        """Build both; those of an earlier build are there until the new ones are."""
        dist = self.options.dist
        # Elsewhere than in the package itself, where a build leaves its traces.
        with tempfile.TemporaryDirectory() as scratch:
            copy, fresh = Path(scratch) / "package", Path(scratch) / "dist"
            shutil.copytree(self.options.source, copy, ignore=shutil.ignore_patterns("dist", "report", "__pycache__"))
            self._must([sys.executable, "-m", "build", "--outdir", fresh, copy], "the package does not build")
            wheels, sdists = sorted(fresh.glob(f"{_NAME}-*.whl")), sorted(fresh.glob(f"{_NAME}-*.tar.gz"))
            if (len(wheels), len(sdists)) != (1, 1):
                raise ToolError(
                    f"the build gave {len(wheels)} wheels and {len(sdists)} sdists, not one of each",
                    remedy="See what the package's pyproject.toml asks for.",
                )
            dist.mkdir(exist_ok=True)
            for old in dist.glob(f"{_NAME}-*"):
                old.unlink()
            for built in (wheels[0], sdists[0]):
                shutil.move(built, dist / built.name)
        return dist / wheels[0].name, dist / sdists[0].name

    def metadata(self, wheel: Path, sdist: Path, pin: Pin) -> list[str]:
        """What twine and check-wheel-contents say, and whether the version is the pin's."""
        problems: list[str] = []
        wanted = distribution_version(pin.version, pin.post)
        if read_wheel(wheel).version != wanted:
            problems.append(f"the wheel's version is {read_wheel(wheel).version}, and the pin asks for {wanted}")
        for name, command in (
            ("twine", [sys.executable, "-m", "twine", "check", "--strict", wheel, sdist]),
            # A package of modules with the same content, empty ones say, is upstream's own affair.
            ("check-wheel-contents", [sys.executable, "-m", "check_wheel_contents", "--ignore", "W002", wheel]),
        ):
            done = self.run(command, self.options.dist)
            if done.returncode:
                problems.append(f"{name}: {(done.stdout + done.stderr).strip()[-1000:]}")
        return problems

    def sides(self, own: Wheel, pin: Pin) -> SideBySide:
        """Hold it against upstream's wheel, built from the pinned archive."""
        from codemods.patches import AddPatch, load_patches

        archive = fetch_sdist(pin.version, self.options.cache, sha256=pin.sdist_sha256)
        folder = self.options.cache / "wheels" / pin.sdist_sha256[:16]
        if not any(folder.glob("*.whl")):
            command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
            command += ["--no-build-isolation", "--ignore-requires-python", "--wheel-dir"]
            self._must([*command, folder, archive.path], "upstream's wheel does not build")
        patches = load_patches(self.options.project.patches).patches
        added = {one.patch.path for one in patches if isinstance(one.patch, AddPatch) and one.applies(pin.version)}
        return side_by_side(own, read_wheel(next(folder.glob("*.whl"))), {*added, TYPED})

    def on(self, version: str, wheel: Path, pin: Pin) -> OnPython:
        """Install the wheel into an environment that has nothing else, check it, and run a program."""
        started = time.perf_counter()
        chosen = find_python(version, lambda command: self.run(command, self.options.dist))
        if not Path(chosen).is_file():
            return OnPython(python=version, found="")
        problem, found = "", ""
        with tempfile.TemporaryDirectory() as scratch:
            home = Path(scratch) / "environment"
            python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
            uv = find_uv()
            # As of the release's days, as for its tests: what came later may have broken it.
            day = f"{pin.resolved_on}T23:59:59Z"
            steps: list[list[str | Path]] = [
                [uv, "venv", "--quiet", "--python", chosen, home],
                [uv, "pip", "install", "--quiet", "--python", python, "--exclude-newer", day, wheel],
                [uv, "pip", "check", "--python", python],
                [python, "-I", "-W", "error::RuntimeWarning", SMOKE],
            ]
            last = ""
            for command in steps:
                done = self.run(command, Path(scratch))
                last = done.stdout
                if done.returncode:
                    problem = (done.stdout + done.stderr).strip()[-1500:] or f"{command[0]} failed"
                    break
            else:
                found = str(json.loads(last.splitlines()[-1])["python"])
        return OnPython(python=version, found=found or version, seconds=time.perf_counter() - started, problem=problem)

    def _must(self, command: Sequence[str | Path], problem: str) -> None:
        done = self.run(command, self.options.project.root)
        if done.returncode:
            raise ToolError(
                f"{problem}:\n{(done.stdout + done.stderr).strip()[-2000:]}",
                remedy="Mend what is named; the checkers come with the `build` extra of the toolchain.",
            )


def _run(command: Sequence[str | Path], folder: Path) -> subprocess.CompletedProcess[str]:
    hidden = ("PYTHON", "VIRTUAL_ENV", "DSPY")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    environment |= {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "UV_PYTHON_DOWNLOADS": "never"}
    return subprocess.run(
        [str(part) for part in command], cwd=folder, capture_output=True, text=True, check=False, env=environment
    )


def to_terminal(report: BuildReport) -> RenderableType:
    """The build in a few lines and a table of Pythons."""
    parts: list[RenderableType] = [f"dspy-async {report.version}: {report.wheel}, {report.sdist}"]
    if report.sides is not None:
        sides = report.sides
        parts.append(
            f"beside upstream's wheel: {sides.same} files with the same paths ({sides.data} of them data), "
            f"{len(sides.added)} files of ours, {len(sides.problems)} differences that nothing declares; "
            f"left out: extras {', '.join(sides.left_out) or 'none'}"
        )
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("Python", "found", "wheel", "seconds"):
        table.add_column(name, justify="right" if name == "seconds" else "left", overflow="fold")
    for one in report.pythons:
        state = "installs, pip check, runs" if one.found and not one.problem else one.problem or "not here"
        table.add_row(one.python, one.found, escape(state), f"{one.seconds:.0f}" if one.found else "")
    parts.append(table)
    parts += [Text(fault, style="red") for fault in report.problems]
    return Group(*parts)
