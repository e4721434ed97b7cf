"""Notebooks: cells are one program, and only what changes in the file is what the conversion changed."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from codemods.cli import app
from codemods.coloring import Coloring
from codemods.migrate.notebooks import InvalidNotebookError, read_notebook

ASK = "ask = dspy.Predict('question -> answer')\n"


def notebook(*cells: str | list[str], language: str = "python") -> str:
    """A file as Jupyter writes it, with an output and metadata that look odd on purpose."""
    made = [
        {
            "cell_type": "code",
            "execution_count": 1,
            "metadata": {"tags": ["\u00e9"], "odd": 1.0e5},
            "outputs": [{"name": "stdout", "output_type": "stream", "text": ["ask(question='no code')\n"]}],
            "source": cell if isinstance(cell, list) else cell.splitlines(keepends=True),
        }
        for cell in cells
    ]
    text = {"cell_type": "markdown", "metadata": {}, "source": ["ask(question='text')"]}
    kernel = {"kernelspec": {"language": language, "name": "k"}}
    return json.dumps({"cells": [text, *made], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}, indent=1)


def sources(text: str) -> list[str]:
    return ["".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]


Migrate = Callable[[str], tuple[Result, str]]


@pytest.fixture
def migrate(release: Coloring, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Migrate:
    """Converts a notebook's text with the command; a second time has to change nothing."""
    monkeypatch.setattr("codemods.migrate.library.release_library", lambda *args, **options: release)
    file = tmp_path / "n.ipynb"

    def run(text: str) -> tuple[Result, str]:
        file.write_text(text, encoding="utf-8")
        result = CliRunner().invoke(app, ["migrate", str(file)])
        once = file.read_text(encoding="utf-8")
        CliRunner().invoke(app, ["migrate", str(file)])
        assert file.read_text(encoding="utf-8") == once, "a second run changes it again"
        return result, once

    return run


def test_cells_await_at_their_top_level_and_share_names(migrate: Migrate) -> None:
    result, text = migrate(
        notebook("import dspy\n" + ASK, "def f(q):\n    return ask(question=q)", "f('2 + 2').answer")
    )
    assert result.exit_code == 0, result.output
    assert sources(text) == [
        "import dspy\n" + ASK,
        "async def f(settings: dspy.Settings, q):\n    return await ask(settings, question=q)",
        "(await f(dspy.settings, '2 + 2')).answer",
    ]


def test_all_other_bytes_of_the_file_stay(migrate: Migrate) -> None:
    before = notebook("import dspy\n" + ASK, "x = 1\nanswer = ask(question='2 + 2')\n", "print(answer)")
    _, after = migrate(before)
    assert after == before.replace("answer = ask(question='2", "answer = await ask(dspy.settings, question='2")


@pytest.mark.parametrize("style", [{"indent": 4}, {"indent": 2, "sort_keys": True}, {}, {"separators": (",", ":")}])
def test_the_formatting_of_the_json_stays(migrate: Migrate, style: dict[str, object]) -> None:
    document = json.loads(notebook("import dspy\n" + ASK, "print('\u00e9')\nprint(ask(question='\u00e9'))"))
    for ascii_only in (True, False):
        before = json.dumps(document, ensure_ascii=ascii_only, **style)  # type: ignore[arg-type]
        _, after = migrate(before)
        assert after == before.replace("print(ask(", "print(await ask(dspy.settings, ")


def test_a_source_that_is_one_string_stays_one(migrate: Migrate) -> None:
    document = json.loads(notebook("import dspy\n" + ASK + "ask(question='2')"))
    document["cells"][1]["source"] = "".join(document["cells"][1]["source"])
    _, after = migrate(json.dumps(document))
    assert json.loads(after)["cells"][1]["source"].endswith("await ask(dspy.settings, question='2')")


def test_what_is_not_python_is_put_aside_and_back(migrate: Migrate) -> None:
    cells = [
        "%load_ext autoreload\n!pip install \\\n    dspy\nimport dspy\n" + ASK,
        "%%bash\nask(question='shell')",
        "files = !ls\nask?\n%matplotlib inline\nif files:\n    !echo {files}\n    print(ask(question='2'))",
        "%%capture out\nask(question='3')",
    ]
    result, text = migrate(notebook(*cells))
    assert result.exit_code == 0, result.output
    assert sources(text) == [
        cells[0],
        cells[1],
        cells[2].replace("ask(q", "await ask(dspy.settings, q"),
        cells[3].replace("ask(q", "await ask(dspy.settings, q"),
    ]


def test_a_magic_that_times_what_now_waits_is_reported(migrate: Migrate) -> None:
    result, text = migrate(
        notebook("import dspy\n" + ASK, "%time x = ask(question='2')", "%%timeit\nask(question='3')")
    )
    assert result.exit_code == 1
    assert sources(text)[1:] == [
        "%time x = await ask(dspy.settings, question='2')",
        "%%timeit\nawait ask(dspy.settings, question='3')",
    ]
    assert "cell 2:1: DA909" in result.stdout and "cell 3:1: DA909" in result.stdout


def test_an_added_import_lands_in_a_cell_that_is_python(migrate: Migrate) -> None:
    waits = "import dspy\nimport time\n" + ASK + "def f():\n    time.sleep(1)\n    return ask(question='2')"
    _, text = migrate(notebook("%%html\n<b>x</b>", waits))
    first, second = sources(text)
    assert first == "%%html\n<b>x</b>"
    assert "import asyncio" in second and "await asyncio.sleep(1)" in second
    compile(second, "cell", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def test_a_cell_in_error_is_named_and_the_others_go_on(migrate: Migrate) -> None:
    result, text = migrate(notebook("import dspy\n" + ASK, "x = 1\ndef f(:", "ask(question='2')"))
    assert result.exit_code == 1
    assert "cell 2:2: not valid Python" in result.output
    assert sources(text)[1:] == ["x = 1\ndef f(:", "await ask(dspy.settings, question='2')"]


def test_a_place_is_told_by_cell_and_line(migrate: Migrate) -> None:
    wall = "class A:\n    @property\n    def text(self):\n        return ask(question='2')"
    result, text = migrate(notebook("import dspy\n" + ASK, "!echo \\\n  x\n\n" + wall))
    assert "cell 2:" in result.stdout and "DA902" in result.stdout
    assert "# dspy-async: DA902" in sources(text)[1]


def test_the_language_of_the_kernel_decides(migrate: Migrate) -> None:
    before = notebook("import dspy\n" + ASK, "ask(question='2')", language="julia")
    assert migrate(before)[1] == before


def test_modules_beside_a_notebook_are_one_program_with_it(
    release: Coloring, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("codemods.migrate.library.release_library", lambda *args, **options: release)
    (tmp_path / "helper.py").write_text("import dspy\n" + ASK + "def answer(q):\n    return ask(question=q)\n")
    (tmp_path / "n.ipynb").write_text(notebook("from helper import answer", "answer('2')"))
    CliRunner().invoke(app, ["migrate", str(tmp_path)])
    assert "await answer(dspy.settings, '2')" in (tmp_path / "n.ipynb").read_text()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"worksheets": []}', '{"cells": [{"cell_type": "code"}]}'])
def test_what_is_no_notebook_is_said_to_be_none(text: str) -> None:
    with pytest.raises(InvalidNotebookError, match=r"n\.ipynb"):
        read_notebook(text, "n.ipynb")


def test_lines_of_the_program_are_places_in_cells() -> None:
    book = read_notebook(notebook("a = 1\nb = 2", "c = 3\n", ""), "n.ipynb")
    lines = book.program.split("\n")
    assert [book.place(lines.index(text) + 1) for text in ("a = 1", "b = 2", "c = 3")] == [(1, 1), (1, 2), (2, 1)]
