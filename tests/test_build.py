"""Wheels side by side, and what a build makes of what its tools say."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from packaging.version import Version

from codemods.build import BuildError, BuildOptions, BuildReport, run_build
from codemods.build.run import SMOKE
from codemods.build.wheels import read_wheel, side_by_side
from codemods.emit import TYPED, Lock, LockedSource, distribution_version
from codemods.errors import ToolError
from codemods.project import Project
from tests.releases import pin_for, write_sdist

METADATA = """\
Metadata-Version: 2.4
Name: {name}
Version: {version}
Requires-Python: >=3.10
Requires-Dist: anyio
Provides-Extra: mcp
Requires-Dist: mcp>=1.0; extra == "mcp"
{more}"""
DEVELOPS = 'Provides-Extra: dev\nRequires-Dist: pytest>=6.2.5; sys_platform == "win32" and extra == "dev"\n'
FILES = {"dspy/__init__.py": "", "dspy/primitives/runner.js": "// runs"}


def write_wheel(
    folder: Path,
    name: str,
    version: str = "2.0.1",
    files: dict[str, str] | None = None,
    more: str = "",
    points: str = "",
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    home = f"{name.replace('-', '_')}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in (FILES if files is None else files).items():
            archive.writestr(file, text)
        archive.writestr(f"{home}/METADATA", METADATA.format(name=name, version=version, more=more))
        if points:
            archive.writestr(f"{home}/entry_points.txt", points)
    return path


def problems(tmp_path: Path, declared: set[str] | None = None, **changes: object) -> tuple[str, ...]:
    theirs = read_wheel(write_wheel(tmp_path / "theirs", "dspy", more=DEVELOPS))
    ours = read_wheel(write_wheel(tmp_path / "ours", "dspy-async", **changes))  # type: ignore[arg-type]
    return side_by_side(ours, theirs, declared or set()).problems


def test_what_upstream_ships_and_no_more(tmp_path: Path) -> None:
    theirs = read_wheel(write_wheel(tmp_path / "theirs", "dspy", more=DEVELOPS))
    files = {**FILES, "dspy/utils/supplied.py": ""}
    ours = read_wheel(write_wheel(tmp_path / "ours", "dspy-async", files=files))
    sides = side_by_side(ours, theirs, {"dspy/utils/supplied.py"})
    assert (sides.same, sides.data, sides.problems) == (2, 1, ())
    assert (sides.added, sides.left_out) == (("dspy/utils/supplied.py",), ("dev",))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"files": {"dspy/__init__.py": ""}}, "dspy/primitives/runner.js is missing"),
        ({"files": {**FILES, "dspy/new.py": ""}}, "dspy/new.py is not upstream's, and no patch adds it"),
        ({"declared": {"dspy/new.py"}}, "dspy/new.py is declared, and is missing"),
        ({"files": {**FILES, "codemods/cli.py": ""}}, "codemods/cli.py is neither in dspy/ nor metadata"),
        ({"files": {**FILES, "dspy/__init__.py": "import codemods"}}, "dspy/__init__.py names the toolchain"),
        ({"more": "Requires-Dist: regex\n"}, "dependencies: ('anyio', 'regex'), and upstream has ('anyio',)"),
        ({"more": "Provides-Extra: x\n"}, "extras: ('mcp', 'x'), and upstream has ('mcp',)"),
        ({"more": 'Requires-Dist: y; extra == "mcp"\n'}, "extra mcp: ('mcp>=1.0; extra == \"mcp\"', 'y; extra"),
        ({"points": "[console_scripts]\nd = dspy:main\n"}, "entry points: ('console_scripts: d = dspy:main',)"),
    ],
)
def test_every_difference_is_told(tmp_path: Path, changes: dict[str, object], told: str) -> None:
    found = problems(tmp_path, **changes)  # type: ignore[arg-type]
    assert any(line.startswith(told) for line in found), found


def test_what_is_no_wheel(tmp_path: Path) -> None:
    (tmp_path / "a.whl").write_text("no")
    with pytest.raises(ToolError, match="is no wheel"):
        read_wheel(tmp_path / "a.whl")


# --- versions ---------------------------------------------------------------------------------------------------------


def test_a_re_release_is_a_post_release_of_upstreams_version() -> None:
    assert distribution_version("3.3.1", 0) == "3.3.1"
    assert distribution_version("3.3.1", 2) == "3.3.1.post2"
    assert Version("3.3.1") < Version(distribution_version("3.3.1", 1)) < Version("3.3.2")
    assert distribution_version("3.3.1.post1", 0) == "3.3.1.post1"
    with pytest.raises(ToolError, match="a post-release itself"):
        distribution_version("3.3.1.post1", 1)


# --- the line ---------------------------------------------------------------------------------------------------------


class Tools:
    """Stands for the programs that a build starts."""

    def __init__(self, tmp_path: Path) -> None:
        self.tmp_path = tmp_path
        self.version = "2.0.1"
        self.failing: tuple[str, ...] = ()
        self.interrupted = ""
        self.content = b""
        self.started: list[str] = []

    def __call__(self, command: Sequence[str | Path], folder: Path) -> subprocess.CompletedProcess[str]:
        words = [str(part) for part in command]
        line = " ".join(words)
        self.started.append(line)
        if self.interrupted and self.interrupted in line:
            raise KeyboardInterrupt
        output = ""
        if "-m build" in line:
            dist = Path(words[words.index("--outdir") + 1])
            write_wheel(dist, "dspy-async", self.version, {**FILES, TYPED: ""})
            (dist / f"dspy_async-{self.version}.tar.gz").write_bytes(self.content)
        elif "pip wheel" in line:
            write_wheel(Path(words[words.index("--wheel-dir") + 1]), "dspy", more=DEVELOPS)
        elif "version_info" in line:
            output = "3.12"
        elif str(SMOKE) in line:
            output = json.dumps({"version": self.version, "python": "3.12.1"})
        failed = any(name in line for name in self.failing)
        return subprocess.CompletedProcess(words, int(failed), output, "it says why" if failed else "")


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    return Tools(tmp_path)


@pytest.fixture
def options(tmp_path: Path) -> BuildOptions:
    root = tmp_path / "checkout"
    (root / "patches").mkdir(parents=True)
    (root / "generated").mkdir()
    pin = pin_for(write_sdist(tmp_path / "cache/sdist", "2.0.1"), "2.0.1")
    (root / "pin.toml").write_text(pin.content())
    source = LockedSource(version="2.0.1", commit=None, sdist_sha256=None, source_sha256="b" * 64)
    (root / "generated/sync.lock").write_bytes(Lock(upstream=source, tool="0", files={}).content())
    (root / "generated/pyproject.toml").write_text("")
    return BuildOptions(project=Project(root), cache=tmp_path / "cache", pythons=("3.12",))


def build(options: BuildOptions, tools: Tools) -> BuildReport:
    return run_build(options, run=tools)


def test_a_build_checks_compares_and_tries(options: BuildOptions, tools: Tools) -> None:
    report = build(options, tools)
    assert (report.version, report.faults) == ("2.0.1", ())
    assert [(one.python, one.found) for one in report.pythons] == [("3.12", "3.12.1")]
    assert list(report.seconds) == ["build", "metadata", "upstream's wheel", "Python 3.12"]
    for told in ("twine check --strict", "check_wheel_contents", "pip check", str(SMOKE)):
        assert any(told in line for line in tools.started)


@pytest.mark.parametrize("tool", ["twine", "check_wheel_contents", "pip check", SMOKE.name, "pip install"])
def test_what_any_tool_has_against_it_fails_the_build(options: BuildOptions, tools: Tools, tool: str) -> None:
    tools.failing = (tool,)
    with pytest.raises(BuildError, match="it says why") as caught:
        build(options, tools)
    assert len(caught.value.report.faults) == 1


def test_a_package_that_does_not_build(options: BuildOptions, tools: Tools) -> None:
    tools.failing = ("-m build",)
    with pytest.raises(ToolError, match="the package does not build:\nit says why"):
        build(options, tools)


def package(options: BuildOptions) -> dict[str, bytes]:
    """The package that is built, and what was built of it."""
    paths = sorted(path for path in options.source.rglob("*") if path.is_file())
    return {path.relative_to(options.source).as_posix(): path.read_bytes() for path in paths}


STAGES = ["build", "metadata", "upstream's wheel", "Python 3.12"]
PROGRAMS = ["-m build", "twine", "check_wheel_contents", "pip wheel", "pip install", "pip check", SMOKE.name]


def test_the_stages_are_those_that_are_interrupted(options: BuildOptions, tools: Tools) -> None:
    assert list(build(options, tools).seconds) == STAGES
    assert all(any(program in line for line in tools.started) for program in PROGRAMS)


@pytest.mark.parametrize("at", [*STAGES, *PROGRAMS])
def test_an_interrupt_anywhere_leaves_the_package_and_the_next_build_goes_through(
    options: BuildOptions, tools: Tools, at: str
) -> None:
    build(options, tools)
    before = package(options)
    shutil.rmtree(options.cache / "wheels")
    tools.content = b"newer"

    def announce(stage: str) -> None:
        if stage == at:
            raise KeyboardInterrupt

    tools.interrupted = at
    with pytest.raises(KeyboardInterrupt):
        run_build(options, announce, run=tools)
    # What was built before is there until all that replaces it is.
    built = {name for name, data in package(options).items() if data != before.get(name)}
    assert built == (set() if at in ("build", "-m build") else {"dist/dspy_async-2.0.1.tar.gz"})
    assert package(options).keys() == before.keys()
    tools.interrupted = ""
    assert build(options, tools).faults == ()


def test_an_index_that_cannot_be_reached(options: BuildOptions, tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    """Upstream's archive is not in the cache, and cannot be had."""
    shutil.rmtree(options.cache / "sdist")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    before = package(options)
    with pytest.raises(ToolError, match="index"):
        build(options, tools)
    assert {name: data for name, data in package(options).items() if not name.startswith("dist/")} == before


def test_the_version_is_what_the_pin_asks_for(options: BuildOptions, tools: Tools) -> None:
    pin = options.project.pin
    pin.write_text(pin.read_text() + "post = 1\n")
    with pytest.raises(BuildError, match=r"version is 2\.0\.1, and the pin asks for 2\.0\.1\.post1"):
        build(options, tools)
    tools.version = "2.0.1.post1"
    assert build(options, tools).version == "2.0.1.post1"


def test_a_python_that_is_not_here_is_told_and_none_at_all_is_a_fault(options: BuildOptions, tools: Tools) -> None:
    both = BuildOptions(options.project, options.cache, pythons=("3.12", "3.99"))
    assert [one.found for one in build(both, tools).pythons] == ["3.12.1", ""]
    with pytest.raises(BuildError, match="none of the Pythons"):
        build(BuildOptions(options.project, options.cache, pythons=("3.99",)), tools)


def test_a_package_of_another_release_is_not_built(options: BuildOptions, tools: Tools) -> None:
    pin = options.project.pin
    pin.write_text(pin.read_text().replace("2.0.1", "2.1.0"))
    with pytest.raises(ToolError, match=r"holds DSPy 2\.0\.1, and the pin names 2\.1\.0"):
        build(options, tools)
    (options.source / "pyproject.toml").unlink()
    with pytest.raises(ToolError, match="nox -s sync build"):
        build(options, tools)


def test_the_smoke_is_read_by_the_oldest_python() -> None:
    import ast

    ast.parse(SMOKE.read_text(encoding="utf-8"), feature_version=(3, 10))
    assert sys.version_info >= (3, 11)
