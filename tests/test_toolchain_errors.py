"""Every section of `docs/toolchain-errors.md` is run, in a clone whose submodule is empty, and is told what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from tests.support.pages import blocks, says

REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = REPOSITORY / "docs" / "toolchain-errors.md"
COMMANDS = {block.section: block.text for block in blocks(PAGE, "sh")}
SAID = {block.section: block.text for block in blocks(PAGE, "text")}
USAGE = {"A version is none", "An option is misspelt", "What to migrate is not there"}
USAGE |= {"A code of a rule is none", "An example is run without the package"}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is in git, as a checkout without its submodule; uncommitted changes are in it."""
    folder = tmp_path_factory.mktemp("clone")
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        source = REPOSITORY / name
        if source.is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(source.read_bytes())
    (folder / "upstream").mkdir(exist_ok=True)
    # A package that a sync wrote, as far as is needed to see that it was edited.
    package = folder / "package"
    (package / "dspy").mkdir(parents=True)
    (package / "dspy" / "__init__.py").write_text("", "utf-8")
    (package / "sync.lock").write_bytes((folder / "generated" / "sync.lock").read_bytes())
    return folder


def run(clone: Path, commands: str) -> subprocess.CompletedProcess[str]:
    """Runs lines of shell with `dspy-async` and `python` as in an environment with the toolchain of the clone."""
    functions = f'python() {{ "{sys.executable}" "$@"; }}\ndspy-async() {{ python -m codemods "$@"; }}\n'
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV"))}
    environment |= {"PYTHONPATH": str(clone), "DSPY_ASYNC_CACHE": str(clone / ".cache"), "COLUMNS": "300"}
    return subprocess.run(
        ["bash", "-c", functions + commands],
        cwd=clone,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("section", COMMANDS)
def test_the_message_is_what_the_page_says(section: str, clone: Path) -> None:
    done = run(clone, COMMANDS[section])
    # The terminal's frame around a message of usage is not shown on the page.
    output = re.sub(r"[│╭╮╰╯─]+", "", done.stdout).strip()
    assert says(SAID[section], output), output
    assert "Traceback" not in output
    if section != "The generated package's tests are run without it":
        assert done.returncode == (2 if section in USAGE else 1), output


def _nox(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    stub = ModuleType("nox")
    stub.options = SimpleNamespace()  # type: ignore[attr-defined]
    stub.Session = object  # type: ignore[attr-defined]
    stub.session = lambda function=None, **_: function or (lambda each: each)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "nox", stub)
    names: dict[str, object] = {"__name__": "noxfile", "__file__": str(REPOSITORY / "noxfile.py")}
    exec((REPOSITORY / "noxfile.py").read_text("utf-8"), names)
    return names


class _StoppedError(Exception):
    """What a session's `error` raises."""


class _Session:
    def run(self, *_: object, **__: object) -> str:
        return "3 10"

    def install(self, *_: object) -> None:
        raise AssertionError("nothing is installed into what is too old")

    def error(self, message: str) -> None:
        raise _StoppedError(message)


def test_an_old_python_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    install = _nox(monkeypatch)["_install"]
    with pytest.raises(_StoppedError) as caught:
        install(_Session(), "anything")  # type: ignore[operator]
    assert str(caught.value) in " ".join(PAGE.read_text("utf-8").split())


def test_a_build_before_a_sync_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    names = _nox(monkeypatch)
    names["GENERATED"] = tmp_path
    with pytest.raises(_StoppedError) as caught:
        names["build"](_Session())  # type: ignore[operator]
    assert str(caught.value).replace("`", "") in " ".join(PAGE.read_text("utf-8").split())
