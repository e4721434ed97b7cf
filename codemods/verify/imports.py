"""Whether every module imports where the package's dependencies are, and nothing else."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
import venv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from codemods.errors import ToolError
from codemods.verify.defects import Defect
from codemods.verify.model import PACKAGE, Package


@dataclass(frozen=True)
class OptionalImport:
    """A module that needs a distribution the package does not require, and cannot be imported without it."""

    module: str
    missing: str


_IMPORT_SCRIPT = """
import importlib, json, os, sys, traceback
# A module may take over the process's streams as it is imported: one that is run as a program of its own, say.
answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
root, (dependencies, modules) = sys.argv[1], json.load(sys.stdin)
for name in dependencies:
    try:
        importlib.import_module(name)
    except BaseException:
        pass  # The module that needs it says so below.
# The environment's bytecode is kept, for the next time; the package's is not: its folder is about to be moved.
sys.dont_write_bytecode = True
sys.path.insert(0, root)
outcome = {}
for name in modules:
    try:
        importlib.import_module(name)
    except BaseException as error:
        missing, cause = None, error
        while cause is not None and missing is None:
            missing = cause.name if isinstance(cause, ModuleNotFoundError) else None
            cause = cause.__cause__ or cause.__context__
        text = "".join(traceback.format_exception_only(type(error), error)).strip()
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith(root + "/dspy/")]
        place = [frames[-1].filename[len(root) + 1 :], frames[-1].lineno] if frames else None
        outcome[name] = [text, missing, place]
answer.write("\\n" + json.dumps(outcome) + "\\n")
answer.flush()
"""

IMPORT_SECONDS = 300


@dataclass(frozen=True)
class ImportFailure:
    """Why a module did not import: the error, the missing module if that is it, and where in the package it arose."""

    text: str
    missing: str | None
    place: tuple[str, int] | None


def import_all(package_root: Path, python: Path, package: Package, modules: list[str]) -> dict[str, ImportFailure]:
    """Imports every module in a process of its own, and tells of those that failed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "DSPY"))}
    # litellm would otherwise ask the internet for its price list.
    environment["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    try:
        done = subprocess.run(
            [str(python), "-I", "-W", "error::SyntaxWarning", "-c", _IMPORT_SCRIPT, str(package_root.resolve())],
            input=json.dumps([_dependencies(package), modules]),
            capture_output=True,
            text=True,
            timeout=IMPORT_SECONDS,
            env=environment,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        remedy = f"See that {python} starts, and try again."
        raise ToolError(f"the import check did not run: {error}", remedy=remedy) from error
    if done.returncode:
        raise ToolError(
            f"the import check ended with status {done.returncode}:\n{done.stderr[-2000:]}",
            remedy="A module of the generated package ends the interpreter when it is imported; see the text above.",
        )
    outcome = cast("dict[str, tuple[str, str | None, list[Any] | None]]", json.loads(done.stdout.splitlines()[-1]))
    return {
        name: ImportFailure(text, missing, (place[0], place[1]) if place else None)
        for name, (text, missing, place) in outcome.items()
    }


def _dependencies(package: Package) -> list[str]:
    """The packages that a module imports as it is imported itself, but for the standard library and this one."""
    tops = {
        name.split(".")[0]
        for module in package.modules.values()
        for node in module.tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or PACKAGE])
        if not getattr(node, "level", 0)
    }
    return sorted(tops - {PACKAGE} - sys.stdlib_module_names)


def judge_imports(
    outcome: Mapping[str, ImportFailure], package_root: Path, upstream: Mapping[str, str], package: Package
) -> tuple[list[Defect], tuple[OptionalImport, ...]]:
    """Tells a module that wants an optional distribution from one that is broken.

    A broken module takes along all that import it; their defects name the place where it broke, and so are one.
    """
    extras = _extra_names(package_root)
    defects: list[Defect] = []
    optional: list[OptionalImport] = []
    for name, failure in outcome.items():
        path = package.modules[name].path
        wanted = (failure.missing or PACKAGE).split(".")[0]
        if wanted != PACKAGE and (wanted in extras or wanted in _imported_names(upstream.get(path, ""))):
            optional.append(OptionalImport(name, wanted))
        else:
            defects.append(Defect(*(failure.place or (path, 0)), "import", failure.text))
    return defects, tuple(optional)


def _extra_names(package_root: Path) -> frozenset[str]:
    """The names of the extras and of what they ask for, as one would import them."""
    file = package_root / "pyproject.toml"
    if not file.is_file():
        return frozenset()
    project = cast("dict[str, Any]", tomllib.loads(file.read_text("utf-8")).get("project", {}))
    extras = cast("dict[str, list[str]]", project.get("optional-dependencies", {}))
    asked = [Requirement(text).name for texts in extras.values() for text in texts]
    return frozenset(canonicalize_name(name).replace("-", "_") for name in [*asked, *extras])


def _imported_names(text: str) -> frozenset[str]:
    """The top-level packages a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return frozenset(names)


def dependency_environment(
    dependencies: Iterable[str],
    cache: Path,
    *,
    constraints: Path | None = None,
    build: bool = True,
    run: Callable[[list[str]], subprocess.CompletedProcess[str]] | None = None,
) -> Path | None:
    """The interpreter of an environment with these distributions and nothing else, made once and kept in `cache`.

    Args:
        dependencies: requirements, as in a project's `dependencies`.
        cache: a folder for environments; each is named by its requirements, constraints and the version of Python.
        constraints: a file of versions for pip. None takes the newest.
        build: whether to make it if it is not there; without, the answer may be None.
        run: starts a command and gives back what came of it; for tests.

    Raises:
        ToolError: the environment could not be made; the installer's words are in it.
    """
    wanted = sorted(set(dependencies))
    versions = [constraints.read_text("utf-8")] if constraints else []
    key = json.dumps([wanted, sys.version_info[:3], sys.platform, *versions])
    home = cache / f"imports-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    ready = home / "ready"
    if ready.is_file():
        return python
    if not build:
        return None
    shutil.rmtree(home, ignore_errors=True)
    try:
        venv.create(home, with_pip=False, symlinks=os.name != "nt")
        # The toolchain's own pip installs into it: that is quicker than a pip of its own, and so is compiling only
        # what is imported. uv is not asked: a version manager's shim may name one that does not run.
        installer = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-compile"]
        if constraints:
            installer += ["--constraint", str(constraints)]
        done = (run or _run)([*installer, "--disable-pip-version-check", "--quiet", *wanted])
    except (OSError, subprocess.SubprocessError) as error:
        raise _no_environment(str(error)) from error
    if done.returncode:
        raise _no_environment(done.stderr[-2000:])
    ready.touch()
    return python


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _no_environment(why: str) -> ToolError:
    return ToolError(
        f"the package's dependencies could not be installed:\n{why}",
        remedy="See that pip reaches its index, or leave out what needs them (--no-imports, --no-types); the "
        "package is not at fault.",
    )
