"""`dspy-async migrate` on real files: what it writes, prints and refuses, and how it ends."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from codemods.cli import app
from codemods.coloring import Coloring

SYNC = (
    "import dspy\n\nask = dspy.Predict('question -> answer')\n\n\n"
    "def answer(question):\n    return ask(question=question)\n"
)
ASYNC = (
    "import dspy\n\nask = dspy.Predict('question -> answer')\n\n\n"
    "async def answer(settings: dspy.Settings, question):\n    return await ask(settings, question=question)\n"
)
WALL = SYNC + "\n\nclass Answer:\n    @property\n    def text(self):\n        return answer('2 + 2')\n"
PLAIN = "def double(number):\n    return  number*2   # as it is"

Migrate = Callable[..., Result]


@pytest.fixture
def migrate(release: Coloring, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Migrate:
    """Runs the command in an empty directory."""
    monkeypatch.setattr("codemods.migrate.library.release_library", lambda *args, **options: release)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path) -> Result:
        return CliRunner().invoke(app, ["migrate", *map(str, arguments)])

    return run


def commit(directory: Path) -> None:
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "before"]):
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", *identity, *command], cwd=directory, check=True)


# -- what is written ---------------------------------------------------------------------------------------------------


def test_files_are_rewritten_in_place(migrate: Migrate, tmp_path: Path) -> None:
    file = tmp_path / "app.py"
    file.write_text(SYNC)
    result = migrate("app.py")
    assert result.exit_code == 0, result.output
    assert file.read_text() == ASYNC
    assert "1 file converted, 0 files left as they were" in result.stdout


def test_a_second_run_changes_nothing(migrate: Migrate, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(WALL)
    assert migrate(".").exit_code == 1
    once = (tmp_path / "app.py").read_bytes()
    again = migrate(".")
    assert (tmp_path / "app.py").read_bytes() == once
    assert "0 files would be converted, 1 file left as it was" in again.stdout
    assert once.count(b"# dspy-async: DA902") == 1


def test_what_does_not_use_the_package_stays_byte_for_byte(migrate: Migrate, tmp_path: Path) -> None:
    (tmp_path / "plain.py").write_text(PLAIN)
    (tmp_path / "app.py").write_text(SYNC)
    assert migrate(".").exit_code == 0
    assert (tmp_path / "plain.py").read_text() == PLAIN
    assert {path.name for path in tmp_path.iterdir()} == {"app.py", "plain.py"}


def test_modules_of_a_package_are_one_program(migrate: Migrate, tmp_path: Path) -> None:
    package = tmp_path / "src" / "pkg"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "asking.py").write_text(SYNC)
    (package / "use.py").write_text("from pkg.asking import answer\n\n\ndef use():\n    return answer('2 + 2')\n")
    (package / "near.py").write_text("from .asking import answer\n\n\ndef near():\n    return answer('2 + 2')\n")
    assert migrate("src").exit_code == 0
    assert "return await answer(settings, '2 + 2')" in (package / "use.py").read_text()
    assert "return await answer(settings, '2 + 2')" in (package / "near.py").read_text()


def test_a_package_without_init_files_is_named_as_it_is_imported(migrate: Migrate, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "asking.py").write_text(SYNC)
    (tmp_path / "run.py").write_text("from app.asking import answer\n\n\ndef use():\n    return answer('2 + 2')\n")
    assert migrate("app", "run.py").exit_code == 0
    assert "return await answer(settings, '2 + 2')" in (tmp_path / "run.py").read_text()


def test_files_of_the_same_name_in_two_directories_are_told_apart(migrate: Migrate, tmp_path: Path) -> None:
    use = "from helpers import answer\n\n\ndef use():\n    return answer('2 + 2')\n"
    for name, helpers in (("waits", SYNC), ("plain", "def answer(question):\n    return question\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "helpers.py").write_text(helpers)
        (tmp_path / name / "use.py").write_text(use)
    assert migrate(".").exit_code == 0
    assert "await answer(settings" in (tmp_path / "waits" / "use.py").read_text()
    assert (tmp_path / "plain" / "use.py").read_text() == use


@pytest.mark.parametrize("name", ["pytest.ini", ".pytest.ini", "pytest.toml"])
def test_an_empty_configuration_of_pytest_is_the_one_that_counts(name: str, migrate: Migrate, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\nasyncio_mode = "auto"\n')
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / name).write_text("")
    for folder in (tmp_path, tmp_path / "tests"):
        text = "import dspy\n\n\ndef test_answer():\n    assert dspy.Predict('question -> answer')(question='x')\n"
        (folder / "test_answer.py").write_text(text)
    assert migrate(".").exit_code == 0
    assert "@pytest.mark.asyncio" in (tmp_path / "tests" / "test_answer.py").read_text()
    assert "@pytest.mark" not in (tmp_path / "test_answer.py").read_text()


def test_out_leaves_the_program_alone(migrate: Migrate, tmp_path: Path) -> None:
    (tmp_path / "app" / "sub").mkdir(parents=True)
    (tmp_path / "app" / "sub" / "one.py").write_text(SYNC)
    (tmp_path / "app" / "plain.py").write_text(PLAIN)
    assert migrate("app", "--out", "new").exit_code == 0
    assert (tmp_path / "app" / "sub" / "one.py").read_text() == SYNC
    assert (tmp_path / "new" / "sub" / "one.py").read_text() == ASYNC
    assert (tmp_path / "new" / "plain.py").read_text() == PLAIN


def test_out_within_the_program_is_not_searched(migrate: Migrate, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(SYNC)
    assert migrate(".", "--out", "new").exit_code == 0
    assert migrate(".", "--out", "new").exit_code == 0
    assert not (tmp_path / "new" / "new").exists()


def test_out_where_the_program_is_is_wrong_usage(migrate: Migrate, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(SYNC)
    assert migrate("app.py", "--out", ".").exit_code == 2
    assert (tmp_path / "app.py").read_text() == SYNC


def test_environments_caches_and_hidden_directories_are_left_out(migrate: Migrate, tmp_path: Path) -> None:
    for name in ("venv/lib", ".hidden", "__pycache__", "node_modules"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "app.py").write_text(SYNC)
    (tmp_path / "venv" / "pyvenv.cfg").write_text("")
    (tmp_path / "app.py").write_text(SYNC)
    assert "1 file converted, 0 files" in migrate(".").stdout


# -- bytes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encode", "name"),
    [
        (lambda text: text.replace("\n", "\r\n").encode(), "CRLF"),
        (lambda text: b"\xef\xbb\xbf" + text.encode(), "byte order mark"),
        (lambda text: ("# coding: latin-1\n# caf\xe9\n" + text).encode("latin-1"), "coding line"),
        (lambda text: text.rstrip("\n").encode(), "no line end at the end"),
        (lambda text: ("# \u2713 \U0001f600\n" + text).encode(), "beyond ASCII"),
        (lambda text: (text + "\f\n# page\n\n\n").encode(), "form feed, empty lines"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bytes_are_kept(migrate: Migrate, tmp_path: Path, encode: Callable[[str], bytes], name: str) -> None:
    (tmp_path / "app.py").write_bytes(encode(SYNC))
    result = migrate("app.py")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "app.py").read_bytes() == encode(ASYNC)


def test_rights_are_kept_and_nothing_is_left_beside(migrate: Migrate, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(SYNC)
    (tmp_path / "app.py").chmod(0o755)
    migrate("app.py")
    assert (tmp_path / "app.py").stat().st_mode & 0o777 == 0o755
    assert [path.name for path in tmp_path.iterdir()] == ["app.py"]


def test_a_link_is_written_through(migrate: Migrate, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "app.py").write_text(SYNC)
    (tmp_path / "link.py").symlink_to(tmp_path / "real" / "app.py")
    migrate("link.py")
    assert (tmp_path / "link.py").is_symlink()
    assert (tmp_path / "real" / "app.py").read_text() == ASYNC


def test_when_writing_fails_nothing_is_written(
    migrate: Migrate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one.py", "two.py"):
        (tmp_path / name).write_text(SYNC)
    written: list[str] = []

    def full(source: Path, target: str) -> None:
        written.append(target)
        if len(written) == 2:
            raise OSError("no space left")

    monkeypatch.setattr("codemods.migrate.command.shutil.copymode", full)
    result = migrate(".")
    assert result.exit_code == 1 and "cannot be written: no space left" in result.stderr
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"one.py": SYNC, "two.py": SYNC}


# -- --diff and --check ------------------------------------------------------------------------------------------------


def test_diff_prints_what_patch_can_read_and_writes_nothing(migrate: Migrate, tmp_path: Path) -> None:
    before = SYNC.rstrip("\n") + "  # a comment that is far too long for any terminal " + "x" * 200
    (tmp_path / "app.py").write_text(before)
    result = migrate("app.py", "--diff")
    assert result.exit_code == 0
    assert (tmp_path / "app.py").read_text() == before
    subprocess.run(["git", "apply", "-"], input=result.stdout, text=True, cwd=tmp_path, check=True)
    assert "return await ask(settings, question=question)" in (tmp_path / "app.py").read_text()


@pytest.mark.parametrize(("text", "status"), [(SYNC, 1), (ASYNC, 0), (PLAIN, 0)])
def test_check_fails_where_something_would_change(migrate: Migrate, tmp_path: Path, text: str, status: int) -> None:
    (tmp_path / "app.py").write_text(text)
    assert migrate("app.py", "--check").exit_code == status
    assert (tmp_path / "app.py").read_text() == text


def test_check_and_out_do_not_go_together(migrate: Migrate, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(SYNC)
    assert migrate("app.py", "--check", "--out", "new").exit_code == 2


# -- what stops it -----------------------------------------------------------------------------------------------------


def test_a_file_that_is_not_python_is_named_and_the_others_go_on(migrate: Migrate, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(SYNC)
    (tmp_path / "broken.py").write_text("import dspy\n\ndef f(:\n")
    result = migrate(".")
    assert result.exit_code == 1
    assert "broken.py:3: not valid Python" in result.output
    assert (tmp_path / "broken.py").read_text() == "import dspy\n\ndef f(:\n"
    assert (tmp_path / "app.py").read_text() == ASYNC


def test_bytes_that_are_not_in_their_encoding_are_named(migrate: Migrate, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_bytes(b"x = 1\ny = '\xff'\n")
    result = migrate(".")
    assert result.exit_code == 1
    assert "app.py:2: not in its encoding" in result.output


def test_a_path_that_is_not_there_is_wrong_usage(migrate: Migrate) -> None:
    result = migrate("nowhere.py")
    assert result.exit_code == 2 and "nowhere.py does not exist" in result.stderr


def test_uncommitted_changes_are_not_overwritten(migrate: Migrate, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(SYNC)
    (tmp_path / "other.py").write_text(SYNC)
    commit(tmp_path)
    edited = SYNC + "# an edit\n"
    (tmp_path / "app.py").write_text(edited)
    result = migrate(".")
    assert result.exit_code == 1
    assert "app.py" in result.stderr and "other.py" not in result.stderr and "--force" in result.stderr
    assert (tmp_path / "app.py").read_text() == edited and (tmp_path / "other.py").read_text() == SYNC
    assert migrate(".", "--force").exit_code == 0
    assert (tmp_path / "app.py").read_text() == ASYNC + "# an edit\n"


def test_committed_files_are_overwritten(migrate: Migrate, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(SYNC)
    commit(tmp_path)
    (tmp_path / "untouched.py").write_text(PLAIN)
    assert migrate(".").exit_code == 0
    assert (tmp_path / "app.py").read_text() == ASYNC


def test_the_package_itself_is_refused(migrate: Migrate, tmp_path: Path) -> None:
    (tmp_path / "dspy").mkdir()
    (tmp_path / "dspy" / "__init__.py").write_text("def f():\n    pass\n")
    result = migrate(".")
    assert result.exit_code == 1
    assert "a module of a package called dspy" in result.stdout


# -- what a person must decide -----------------------------------------------------------------------------------------


def test_a_person_is_told_in_the_file_and_in_the_summary(migrate: Migrate, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(WALL)
    result = migrate("app.py")
    assert result.exit_code == 1
    lines = (tmp_path / "app.py").read_text().splitlines()
    told = next(line for line in result.stdout.splitlines() if line.startswith("app.py:") and "DA902" in line)
    number = int(told.split(":")[1])
    assert lines[number - 1].strip().startswith("return answer("), (number, lines)
    assert any("# dspy-async: DA902" in line for line in lines[number - 4 : number - 1])


def test_what_a_person_has_settled_is_not_told_again(migrate: Migrate, tmp_path: Path) -> None:
    settled = WALL.replace("        return answer", "        # dspy-async: ignore DA902, DA903\n        return answer")
    (tmp_path / "app.py").write_text(settled)
    result = migrate("app.py")
    assert result.exit_code == 0, result.output


def test_comments_can_be_left_out(migrate: Migrate, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(WALL)
    assert "DA902" in migrate("app.py", "--no-comments").stdout
    assert "# dspy-async" not in (tmp_path / "app.py").read_text()


def test_rules_can_be_switched_off(migrate: Migrate, tmp_path: Path) -> None:
    text = "import time\n\n" + SYNC.replace("    return", "    time.sleep(1)\n    return")
    (tmp_path / "app.py").write_text(text)
    result = migrate("app.py", "--disable", "DA3")
    assert "    time.sleep(1)\n    return await ask" in (tmp_path / "app.py").read_text()
    assert "DA301" not in result.stdout


def test_only_some_rules_can_be_on(migrate: Migrate, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(SYNC)
    migrate("app.py", "--select", "DA101,da103")
    assert (tmp_path / "app.py").read_text() == SYNC.replace("def", "async def").replace("return", "return await")


def test_a_code_that_is_none_is_wrong_usage(migrate: Migrate, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(SYNC)
    result = migrate("app.py", "--disable", "DA7")
    assert result.exit_code == 2 and "DA7 is no code" in result.stderr


# -- assertions --------------------------------------------------------------------------------------------------------


def test_a_lost_assertion_fails_the_run(migrate: Migrate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from codemods.migrate import engine

    before = SYNC + "\n\ndef test_answer():\n    assert answer('2 + 2') == '4'\n"
    (tmp_path / "test_app.py").write_text(before)
    convert = engine.run_passes
    monkeypatch.setattr(
        "codemods.migrate.engine.run_passes",
        lambda text, plan, **options: convert(text, plan, **options).replace(" == '4'", ""),
    )
    result = migrate("test_app.py")
    assert result.exit_code == 1
    assert "test_app.py: test_answer" in result.stderr
    assert (tmp_path / "test_app.py").read_text() == before
