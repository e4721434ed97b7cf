"""Converts every Python block and notebook of upstream's documentation, and prints what came of each.

    python -m tests.migrate.docs_corpus --package DIR [--upstream DIR] [--details]

`DIR` of `--package` is what `dspy-async sync --out DIR` wrote: the un-awaited-coroutine check knows the package from
it. The documentation is read from the submodule's git objects at the pinned commit; none of its text is kept. The
blocks of a page are one program, as a notebook's cells are: later ones use what earlier ones define. Fragments on
Markdown pages suppose that DSPy is imported; a block of the tool's own says so above them.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from git import Repo
from rich.console import Console
from rich.table import Table

from codemods.examples import find_examples
from codemods.migrate.codes import code_of
from codemods.migrate.engine import migrate
from codemods.migrate.library import release_library
from codemods.migrate.notebooks import Notebook, read_notebook
from codemods.pin import load_pin
from codemods.project import cache_directory, find_project
from codemods.verify.awaits import lost_coroutines
from codemods.verify.model import Package

SUPPOSED = "import dspy\nfrom dspy import *"


@dataclass
class Page:
    """One document, as a notebook; of a Markdown page its blocks are the cells."""

    path: str
    notebook: Notebook
    changed: int = 0
    alone: int = 0
    not_python: int = 0
    reported: Counter[str] = field(default_factory=Counter)
    details: list[str] = field(default_factory=list)


def pages(repo: Repo, commit: str) -> Iterator[Page]:
    """Every page of the documentation that holds Python."""
    for blob in repo.commit(commit).tree.traverse():
        path = str(blob.path)
        if not path.startswith("docs/") or not path.endswith((".md", ".ipynb")):
            continue
        try:
            text = blob.data_stream.read().decode()
        except Exception as error:
            print(f"{path}: not at hand: {error}", file=sys.stderr)
            continue
        if path.endswith(".md"):
            blocks = [example.code for example in find_examples(text)]
            blocks = [SUPPOSED, *blocks] if blocks else []
            text = json.dumps({"cells": [{"cell_type": "code", "source": block} for block in blocks]})
        notebook = read_notebook(text, path)
        if notebook.cells:
            yield Page(path, notebook)


def converted(page: Page, library: object) -> Page:
    """Convert one page, and fill in what came of it. Raises what the conversion raises."""
    module = "page.py"
    before = page.notebook.program
    result = migrate({module: before}, library, notebooks={module})  # type: ignore[arg-type]
    sources = page.notebook.sources(result.files[module])
    for cell in page.notebook.cells:
        page.not_python += cell.code is None
        page.changed += sources[cell.number] != cell.source
        page.alone += cell.code is not None and sources[cell.number] == cell.source
    for finding in result.findings:
        page.reported[code_of(finding.rule)] += 1
        page.details.append(f"cell {page.notebook.place(finding.line)}: {finding.rule}: {finding.message}")
    page.reported.update({f"{key} (change)": count for key, count in result.changes[module].items()})
    compile(result.files[module], page.path, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    again = migrate({module: result.files[module]}, library, notebooks={module})  # type: ignore[arg-type]
    if again.files[module] != result.files[module]:
        page.details.append("DEFECT: a second run changes it again")
    json.loads(page.notebook.rewritten(result.files[module]))
    told = [finding.message.split("(...)")[0] for finding in result.findings if finding.rule == "unresolved"]
    for each in lost(result.files[module]):
        # What the call's receiver is no text at hand shows, and a person is told so.
        is_told = any(f"of {callee}(...)" in each for callee in told)
        page.details.append(f"{'told' if is_told else 'DEFECT'}: {each}")
    return page


_TREES: dict[str, ast.Module] = {}


def lost(program: str) -> list[str]:
    """Coroutines that nothing awaits. What a cell runs is put into a function: the check knows variables of those."""
    tree = ast.parse(program)
    stays = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    top = [node for node in tree.body if isinstance(node, stays)]
    run = ast.parse("async def cells():\n    pass").body[0]
    assert isinstance(run, ast.AsyncFunctionDef)
    run.body = [node for node in tree.body if not isinstance(node, stays)]
    package = Package({**_TREES, "page.py": ast.Module([*top, run], [])})
    return [str(defect) for defect in lost_coroutines(package, package.modules["page"])]


def main() -> int:
    """Convert all, and print the table; 1 where something is a defect."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--package", type=Path, required=True)
    parser.add_argument("--upstream", type=Path)
    parser.add_argument("--details", action="store_true")
    parser.add_argument("--show", help="print what a page (part of its path) became")
    options = parser.parse_args()
    project = find_project(Path.cwd())
    library = release_library(project, cache_directory(), announce=print)
    for path in sorted((options.package / "dspy").rglob("*.py")):
        _TREES[path.relative_to(options.package).as_posix()] = ast.parse(path.read_text("utf-8"))
    done: list[Page] = []
    failed: list[str] = []
    with contextlib.closing(Repo(options.upstream or project.upstream)) as repo:
        for page in pages(repo, load_pin(project.pin).commit):
            if options.show and options.show not in page.path:
                continue
            try:
                done.append(converted(page, library))
            except Exception as error:
                failed.append(f"{page.path}: {type(error).__name__}: {error}")
            if options.show:
                result = migrate({"page.py": page.notebook.program}, library, notebooks={"page.py"})
                print(result.files["page.py"])
    _print(done, failed, details=options.details)
    return 1 if failed or any(line.startswith("DEFECT") for page in done for line in page.details) else 0


def _print(done: list[Page], failed: list[str], *, details: bool) -> None:
    console = Console(width=200)
    table = Table("", "pages", "blocks", "converted", "left alone", "not Python")
    for kind, suffix in (("Markdown pages", ".md"), ("notebooks", ".ipynb")):
        those = [page for page in done if page.path.endswith(suffix)]
        # But for the block of our own.
        own = len(those) if suffix == ".md" else 0
        cells = sum(len(page.notebook.cells) for page in those) - own
        counts = [sum(values) for values in zip(*((p.changed, p.alone, p.not_python) for p in those), strict=True)]
        counts[1] -= own
        table.add_row(kind, str(len(those)), str(cells), *map(str, counts))
    console.print(table)
    codes = Table("code", "times")
    for code, count in sorted(sum((page.reported for page in done), Counter()).items()):
        codes.add_row(code, str(count))
    console.print(codes)
    for page in done:
        for line in page.details if details else [d for d in page.details if d.startswith("DEFECT")]:
            console.print(f"{page.path}: {line}", markup=False, soft_wrap=True)
    for line in failed:
        console.print(f"CRASH {line}", markup=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
