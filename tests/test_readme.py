"""Commands, options, links and words of the repository's pages are real."""

from __future__ import annotations

import ast
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer
from rich.console import Console

from codemods.build import BuildReport
from codemods.build.run import to_terminal
from codemods.build.wheels import SideBySide
from codemods.cli import app
from tests.support.pages import blocks, says

ROOT = Path(__file__).resolve().parents[1]
TOP = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "examples/README.md")]
PAGES = [*TOP, *sorted((ROOT / "docs").rglob("*.md"))]
_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def _sessions() -> set[str]:
    tree = ast.parse((ROOT / "noxfile.py").read_text("utf-8"))
    return {each.name for each in tree.body if isinstance(each, ast.FunctionDef) and each.decorator_list}


def _without_fences(page: str) -> str:
    return re.sub(r"^(```+).*?^\1", "", page, flags=re.M | re.S)


def commands(page: Path) -> Iterator[str]:
    """The lines of shell on a page, and what stands as a command in its text."""
    for block in blocks(page, "sh"):
        for line in block.text.splitlines():
            yield from (part.strip() for part in re.split(r"&&|;", line.partition("#")[0]))
    yield from _CODE.findall(_without_fences(page.read_text("utf-8")))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_nox_sessions_are_there(page: Path) -> None:
    sessions = _sessions()
    for command in commands(page):
        if command.startswith("nox -s "):
            named = [word for word in command.partition(" -- ")[0].split()[2:] if not word.startswith("-")]
            assert set(named) <= sessions | {"NAME"}, command


def _click(names: list[str]) -> tuple[object, list[str]]:
    """The command that words lead to, and the words behind it."""
    found: object = typer.main.get_command(app)
    while names and names[0] in getattr(found, "commands", {}):
        found, names = found.commands[names[0]], names[1:]  # type: ignore[attr-defined]
    return found, names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_and_their_options_are_there(page: Path) -> None:
    for command in commands(page):
        words = shlex.split(command, comments=True) if command.startswith("dspy-async ") else []
        # What a page shows as wrong is run by a test of its own.
        if not words or page.name == "toolchain-errors.md" or "..." in words[1]:
            continue
        if words[1][0].isdigit() or words[1] == "codemods":
            continue  # "dspy-async 2.6" is no command
        found, rest = _click(words[1:])
        assert rest != words[1:] or rest[0].startswith("-"), f"no such command: {command}"
        known = {name for parameter in found.params for name in (*parameter.opts, *parameter.secondary_opts)}  # type: ignore[attr-defined]
        options = {word.partition("=")[0] for word in rest if word.startswith("-")} - {"--help", "-h", "--version"}
        assert options <= known, f"{command}: {options - known}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(_without_fences(page.read_text("utf-8"))):
        if not link.startswith(("http", "#")):
            target = (page.parent / link.partition("#")[0]).resolve()
            assert target.exists(), f"{page}: {link}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_tests_that_are_named_are_there(page: Path) -> None:
    for command in commands(page):
        for path in re.findall(r"(?:^|\s)(tests/[\w/]+\.py)", command):
            # Upstream's tests have their own places.
            assert (ROOT / path).is_file() or "nox -s parity" in command or "contract" in command, command


def _build_words() -> str:
    """What `dspy-async build` says at its end. The build itself takes minutes: CI and tests/test_build.py run it."""
    sides = SideBySide(same=3, data=1, added=("dspy/py.typed",), left_out=(), problems=())
    said = BuildReport(version="3", wheel="a.whl", sdist="a.tar.gz", sides=sides, pythons=(), problems=(), seconds={})
    console = Console(file=io.StringIO(), width=300)
    console.print(to_terminal(said))
    return console.file.getvalue()  # type: ignore[attr-defined]


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as it is, and have it succeed; the toolchain is the one whose tests these are."""
    environment = {**os.environ, "COLUMNS": "300", "NO_COLOR": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done


def _of_the_readme(start: str) -> list[str]:
    """The words of the one command of the README that begins so, and says of what."""
    named = [shlex.split(each) for each in commands(ROOT / "README.md") if each.startswith(start)]
    found = {tuple(words) for words in named if len(words) > 2}
    assert len(found) == 1, found
    return list(found.pop())


@dataclass(frozen=True)
class Synced:
    """What `dspy-async sync` wrote, and said."""

    folder: Path
    lines: list[str]


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Synced:
    """`nox -s sync` runs `dspy-async sync`; here it runs into another folder, and imports nothing."""
    out = tmp_path_factory.mktemp("readme") / "generated"
    done = _run([sys.executable, "-m", "codemods", "sync", "--no-imports", "--out", str(out)], ROOT)
    return Synced(out, (done.stdout + done.stderr).splitlines())


def test_what_the_first_command_is_shown_to_say_it_says(synced: Synced) -> None:
    (shown,) = blocks(ROOT / "README.md", "text")
    lines = [*synced.lines, *_build_words().splitlines()]
    for line in shown.text.splitlines():
        assert any(says(line, each) for each in lines), (line, lines)
    assert (synced.folder / "report" / "report.html").is_file()


def test_the_wheel_is_installed_as_the_readme_says(synced: Synced, tmp_path: Path) -> None:
    """Without what it depends on: with that, `nox -s build` installs it on each Python, and CI runs that."""
    pip, install, wheels = _of_the_readme("pip install generated/")
    assert (pip, install) == ("pip", "install")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    _run([*build, "--wheel-dir", str(synced.folder / "dist"), str(synced.folder)], tmp_path)
    (wheel,) = synced.folder.parent.glob(wheels)
    target = tmp_path / "installed"
    apart = ["--quiet", "--no-deps", "--no-index", "--target", str(target)]
    _run([sys.executable, "-m", pip, install, *apart, str(wheel)], tmp_path)
    assert (target / "dspy" / "py.typed").is_file()
    assert [path.name.partition("-")[0] for path in target.glob("*.dist-info")] == ["dspy_async"]


def test_explain_shows_the_chain_down_to_the_leaf() -> None:
    program, *words = _of_the_readme("dspy-async explain")
    assert program == "dspy-async"
    said = _run([sys.executable, "-m", "codemods", *words], ROOT).stdout.splitlines()
    assert said[0] == f"{words[1]}: coroutine"
    assert any(re.match(r"  dspy/\S+:\d+: \S+ calls \S+", line) for line in said)
    assert any(re.match(r"  dspy/\S+:\d+: (awaits|calls what a user supplies)", line) for line in said)


def test_migrate_converts_a_program_and_its_tests(tmp_path: Path) -> None:
    _, *words = _of_the_readme("dspy-async migrate")
    texts = {
        "src/app.py": "import dspy\n\n\ndef answer(question):\n    return dspy.Predict('q -> a')(q=question).a\n",
        "tests/test_app.py": "from app import answer\n\n\ndef test_answer():\n    assert answer('x')\n",
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    _run([sys.executable, "-m", "codemods", *words], tmp_path)
    app, test = ((tmp_path / name).read_text() for name in texts)
    assert "async def answer(settings" in app and "await dspy.Predict" in app
    assert "await answer(" in test


def test_every_session_of_the_readme_is_run_by_ci() -> None:
    """A session that nothing runs may have stopped working without anybody's notice."""
    run = "".join(path.read_text("utf-8") for path in (ROOT / ".github" / "workflows").glob("*.yml"))
    ran = {name for line in re.findall(r"nox -s ([\w ]+)", run) for name in line.split()}
    named = {
        name
        for command in commands(ROOT / "README.md")
        if command.startswith("nox -s ")
        for name in command.removeprefix("nox -s ").split()
    }
    # It converts the releases of two years, and is for a person; tests/bump/test_backtest.py runs it on small ones.
    by_hand = {"backtest"}
    assert named - ran == by_hand


def test_every_record_of_a_decision_is_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = set(_LINK.findall((folder / "index.md").read_text("utf-8")))
    assert {path.name for path in folder.glob("*.md")} - {"index.md"} <= listed


def test_the_diagram_shows_the_imports() -> None:
    done = subprocess.run(
        [sys.executable, "docs/imports.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_first_change_is_one(tmp_path: Path) -> None:
    """What the walk for newcomers has them put into a test and into the tables makes the test fail, and then pass."""
    page = ROOT / "docs" / "first-change.md"
    (case,) = (block.text for block in blocks(page, "text"))
    (rule,) = (block.text for block in blocks(page, "toml"))
    for name in ("codemods", "tests/support", "tests/passes"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "tests" / "__init__.py").touch()

    def put(name: str, text: str, above: str) -> None:
        path = tmp_path / name
        before = path.read_text("utf-8")
        assert above in before
        path.write_text(before.replace(above, text + above, 1), "utf-8")

    def run() -> str:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/passes/test_blocking.py"]
        environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        ).stdout

    put("tests/passes/test_blocking.py", case, '        (\n            "from requests import get",')
    assert "1 failed" in run()
    put("tests/support/conversion.py", f"{rule}\n", '[[blocking]]\ncall = "requests.get"')
    put("codemods/rules.toml", f"{rule}\n", "# -- what is not DSPy's own")
    after = run()
    assert "passed" in after and "failed" not in after, after
