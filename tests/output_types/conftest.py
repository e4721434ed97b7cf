"""What `nox -s types` has written, once for all tests of it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from codemods.pin import load_pin
from codemods.project import cache_directory, find_project
from codemods.sync import SyncOptions, python_texts, read_release, type_checker
from codemods.verify import Checker
from tests.output_types.release import Release

GENERATED = "DSPY_ASYNC_GENERATED"


@pytest.fixture(scope="session")
def release() -> Release:
    folder = os.environ.get(GENERATED)
    if not folder:
        raise pytest.UsageError(f"{GENERATED} does not name a folder that sync wrote: run `nox -s types`")
    project = find_project(Path(__file__).parent)
    options = SyncOptions(project=project, cache=cache_directory())
    tree = read_release(load_pin(project.pin), options)
    root = Path(folder)
    files = {each.relative_to(root).as_posix(): each.read_text("utf-8") for each in (root / "dspy").rglob("*.py")}
    return Release(type_checker(root, tree.version, options), files, python_texts(tree))


@pytest.fixture(scope="session")
def installed(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Checker:
    """A checker for programs that have the package installed: only there does its `py.typed` count."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([release.checker.python, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / release.checker.python.parent.name / release.checker.python.name
    packages = _packages(python)
    shutil.copytree(Path(os.environ[GENERATED]) / "dspy", packages / "dspy")
    (packages / "dependencies.pth").write_text(f"{_packages(release.checker.python)}\n", "utf-8")
    return Checker(python)


def _packages(python: Path) -> Path:
    """Where an environment has what is installed in it."""
    command = [str(python), "-I", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    return Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())
