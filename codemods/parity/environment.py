"""The environment that both sides run in: what upstream's tests need, as of the release's week, and no DSPy."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from codemods.errors import ToolError
from codemods.source import PACKAGE

PLUGINS = ("pytest>=8.3", "pytest-asyncio>=0.26", "pytest-mock", "pytest-timeout", "pytest-xdist>=3.5", "blockbuster")
"""What parity brings to the tests beside what upstream's own extras ask for; both sides have it."""

_DENO = "deno"
"""The extra that brings it."""

Run = Callable[[list[str]], subprocess.CompletedProcess[str]]


@dataclass(frozen=True)
class Environment:
    """Where tests run.

    Args:
        python: its interpreter.
        distributions: what is installed, `name==version`, sorted.
    """

    python: Path
    distributions: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """A digest of what is installed, in hex."""
        return hashlib.sha256("\n".join(self.distributions).encode()).hexdigest()

    def version(self, name: str) -> str | None:
        """The version of a distribution; None where it is not installed."""
        found = (line.partition("==") for line in self.distributions)
        return next((version for one, _, version in found if canonicalize_name(one) == name), None)


def requirements(pyproject: str, *, deno: bool = False) -> list[str]:
    """What a release and its tests need: its dependencies with its extras, sorted.

    Args:
        pyproject: text of the release's pyproject.toml.
        deno: whether Deno is wanted. Where there is one, tests want to run in it that would be left out otherwise, and
            it downloads what it needs from the internet.
    """
    project = cast("dict[str, Any]", tomllib.loads(pyproject)["project"])
    extras = cast("dict[str, list[str]]", project.get("optional-dependencies", {}))
    wanted = [*project.get("dependencies", []), *PLUGINS]
    wanted += [text for extra, texts in extras.items() for text in texts if deno or extra != _DENO]
    # An extra may name the distribution itself to take in another of its extras, all of which are here already.
    ours = {PACKAGE, canonicalize_name(str(project["name"]))}
    return sorted({text for text in wanted if canonicalize_name(Requirement(text).name) not in ours})


def test_environment(
    wanted: Sequence[str], day: datetime.date, python: str, cache: Path, *, run: Run | None = None
) -> Environment:
    """The environment with these distributions, resolved as of a day; made once and kept.

    Args:
        wanted: requirements.
        day: nothing newer is taken; the end of the day counts.
        python: a version such as `3.12`, or the path of an interpreter.
        cache: a folder for environments; each is named by all of the above.
        run: starts a command and gives back what came of it; for tests.

    Raises:
        ToolError: the environment could not be made; uv's words are in it.
    """
    key = json.dumps([sorted(wanted), day.isoformat(), python, sys.platform])
    home = cache / f"parity-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    interpreter = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    record = home / "installed.txt"
    if not record.is_file():
        _make(home, interpreter, record, wanted, day, python, run or _run)
    return Environment(interpreter, tuple(record.read_text(encoding="utf-8").split()))


def _make(
    home: Path, interpreter: Path, record: Path, wanted: Sequence[str], day: datetime.date, python: str, run: Run
) -> None:
    uv = find_uv()
    shutil.rmtree(home, ignore_errors=True)
    chosen = find_python(python, run)
    _check(run([uv, "venv", "--quiet", "--python", chosen, str(home)]), f"there is no Python {python}")
    listed = home / "requirements.txt"
    listed.write_text("\n".join(wanted) + "\n", encoding="utf-8")
    command = [uv, "pip", "install", "--quiet", "--python", str(interpreter)]
    command += ["--exclude-newer", f"{day}T23:59:59Z", "--requirement", str(listed)]
    _check(run(command), "the distributions that upstream's tests need could not be installed")
    frozen = run([uv, "pip", "freeze", "--quiet", "--python", str(interpreter)])
    _check(frozen, "what is installed could not be listed")
    record.write_text(frozen.stdout, encoding="utf-8")


def find_python(wanted: str, run: Run) -> str:
    """What runs a version such as `3.12`: an interpreter's path; what was asked for, if none is found, for uv to try.

    uv takes the first of that name on the path, and a version manager's shim is there for versions that are not.
    """
    if not re.fullmatch(r"\d+\.\d+", wanted):
        return wanted
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    candidates = [sys.executable, *(str(Path(folder) / f"python{wanted}") for folder in folders)]
    manager = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    candidates += [str(path) for path in sorted(manager.glob(f"versions/{wanted}.*/bin/python"))]
    script = "import sys; print('%d.%d' % sys.version_info[:2])"
    for candidate in candidates:
        if Path(candidate).is_file():
            done = run([candidate, "-I", "-c", script])
            if done.returncode == 0 and done.stdout.strip() == wanted:
                return candidate
    return wanted


def find_uv() -> str:
    """The path of uv. Raises :class:`ParityError` where there is none."""
    # The one that is installed with the toolchain: a version manager's shim on the path may name one that does not run.
    try:
        from uv import find_uv_bin

        return find_uv_bin()
    except (ImportError, FileNotFoundError) as error:
        raise ToolError(
            f"uv, which makes the environments of the tests, is not installed beside the toolchain: {error}",
            remedy="Install the toolchain with its dependencies: pip install --editable .",
        ) from error


def _check(done: subprocess.CompletedProcess[str], problem: str) -> None:
    if done.returncode:
        raise ToolError(
            f"{problem}:\n{done.stderr[-2000:]}",
            remedy="Mend what uv names: the index it reaches, or the interpreter that --python asks for.",
        )


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    # The run's own interpreter must not leak into the environment, and no interpreter is downloaded unasked.
    hidden = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    environment.setdefault("UV_PYTHON_DOWNLOADS", "never")
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    except OSError as error:
        raise ToolError(f"{command[0]} does not start: {error}", remedy="Reinstall it: pip install uv") from error
