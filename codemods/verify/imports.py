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
from codemods.verify.importer import ImportFailure
from codemods.verify.model import PACKAGE, Package


@dataclass(frozen=True)
class OptionalImport:
    """A module that needs a distribution the package does not require, and cannot be imported without it."""

    module: str
    missing: str


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
