"""What the toolchain's wheel carries: enough to migrate where there is no checkout."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import codemods

ROOT = Path(codemods.__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the files of the wheel, built from a copy of the checkout."""
    checkout, target = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("installed")
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("codemods", "patches"):
        shutil.copytree(ROOT / name, checkout / name, ignore=ignored)
    for name in ("pyproject.toml", "setup.py", "pin.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, checkout / name)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*build, "--wheel-dir", str(target), str(checkout)], check=True)
    (wheel,) = target.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


def test_pin_and_patches_are_in_the_wheel(installed: Path) -> None:
    shipped = installed / "codemods" / "_project"
    expected = {path.relative_to(ROOT) for path in (ROOT / "patches").rglob("*") if path.suffix in (".py", ".toml")}
    found = {path.relative_to(shipped) for path in shipped.rglob("*") if path.is_file()}
    assert found == {Path("pin.toml"), *expected}
    assert all((shipped / name).read_bytes() == (ROOT / name).read_bytes() for name in found)


def test_the_installed_command_finds_them(installed: Path, tmp_path: Path) -> None:
    """Away from any checkout; the archive of the release cannot be had, and that is what is said."""
    (tmp_path / "app.py").write_text("import dspy\n")
    offline = {
        "PYTHONPATH": str(installed),
        "DSPY_ASYNC_CACHE": str(tmp_path / "cache"),
        "PIP_NO_INDEX": "1",
        "PIP_CONFIG_FILE": "/dev/null",
        "PATH": "/usr/bin:/bin",
    }
    found = subprocess.run(
        [sys.executable, "-c", "from codemods.project import own_project as p; print(p().root)"],
        env=offline,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(found.stdout.strip()) == installed / "codemods" / "_project"
    done = subprocess.run(
        [sys.executable, "-m", "codemods", "migrate", "app.py"],
        env=offline,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "cannot be downloaded" in done.stderr and "--source PATH" in done.stderr
    assert "Traceback" not in done.stderr
