"""Tiny releases of a package called dspy, as archives, checkouts and git repositories, for tests of the stages."""

from __future__ import annotations

import gzip
import hashlib
import io
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

from codemods.pin import Pin

PYPROJECT = """\
[build-system]
requires = ["setuptools>=77.0.1"]
build-backend = "setuptools.build_meta"

[project]
# a comment that stays
name="dspy"
version="{version}"
description = "tiny"
readme = "README.md"
license = {{file = "LICENSE"}}
requires-python = ">=3.10, <3.15"
classifiers = ["Programming Language :: Python :: 3"]
dependencies = [
    "anyio",  # why it is here
]

[project.optional-dependencies]
numpy = ["numpy>=1.26.0"]
dev = ["pytest"]
test_extras = ["mcp"]

[project.urls]
homepage = "https://example.org/dspy"

[tool.setuptools.packages.find]
where = ["."]
include = ["dspy", "dspy.*"]

[tool.setuptools.package-data]
dspy = ["primitives/*.js"]

[tool.ruff]
line-length = 120
"""


def release_files(version: str) -> dict[str, bytes]:
    """What a published archive of the tiny package ships, without what the build adds."""
    texts = {
        "LICENSE": "MIT License\n\nCopyright (c) 2023 Somebody\n",
        "README.md": "# tiny\n",
        "pyproject.toml": PYPROJECT.format(version=version),
        "dspy/__init__.py": "from dspy.__metadata__ import __version__\n",
        "dspy/__metadata__.py": f'__name__="dspy"\n__version__="{version}"\n',
        "dspy/primitives/__init__.py": "",
        "dspy/primitives/runner.js": "// runs\n",
        "dspy/primitives/module.py": "class Module:\n    def forward(self):\n        return 1\n",
        "dspy/py.typed": "",
        "dspy/spaced/inner.py": "X = '\u00e9'\n",
    }
    return {name: text.encode() for name, text in sorted(texts.items())}


def checkout_files(version: str, stated: str) -> dict[str, bytes]:
    """What the tag of that release holds: an older version number, tests, and data that no pattern ships."""
    files = {**release_files(version), "dspy/data/base.yml": b"a: 1\n", "tests/test_it.py": b"", "docs/x.md": b"x"}
    for name in ("pyproject.toml", "dspy/__metadata__.py"):
        files[name] = files[name].replace(version.encode(), stated.encode())
    return files


def write_tree(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write files below a folder and return it."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def write_sdist(folder: Path, version: str, files: Mapping[str, bytes] | None = None) -> Path:
    """Write `dspy-VERSION.tar.gz` with what a build adds, byte for byte the same each time."""
    metadata = f"Metadata-Version: 2.4\nName: dspy\nVersion: {version}\n".encode()
    added = {"PKG-INFO": metadata, "dspy.egg-info/PKG-INFO": metadata, "setup.cfg": b"[egg_info]\n"}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in {**(files or release_files(version)), **added}.items():
            member = tarfile.TarInfo(f"dspy-{version}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"dspy-{version}.tar.gz"
    path.write_bytes(gzip.compress(buffer.getvalue(), mtime=0))
    return path


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder, with an identity of its own and none of the user's configuration."""
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    command = ["git", *identity, "-c", "core.autocrlf=false", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def write_repository(folder: Path, version: str, stated: str, files: Mapping[str, bytes] | None = None) -> str:
    """Make a git repository whose tag `version` is the release's checkout, with other files; returns the commit."""
    write_tree(folder, {**checkout_files(version, stated), **(files or {})})
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "release")
    git(folder, "tag", version)
    return git(folder, "rev-parse", "HEAD")


def pin_for(sdist: Path, version: str, commit: str = "0" * 40) -> Pin:
    """A pin on a tiny release."""
    sha256 = hashlib.sha256(sdist.read_bytes()).hexdigest()
    return Pin.model_validate(
        {"version": version, "commit": commit, "sdist_sha256": sha256, "resolved_on": "2026-01-02"}
    )
