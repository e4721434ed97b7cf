"""What is public in the toolchain is explained: modules, classes, functions, methods, and arguments that need it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import codemods

CODE = Path(codemods.__file__).resolve().parent
MODULES = sorted(CODE.rglob("*.py"))
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_BY_THE_LIBRARY = ("visit_", "leave_", "do_", "on_visit", "on_leave", "pytest_")
"""Methods of visitors, servers and plugins are named, called and explained by the library whose class they override."""
_MANY = 4
"""Arguments, `self` aside; of so many, names and annotations do not say which is which."""


def public(tree: ast.Module) -> Iterator[tuple[str, Definition]]:
    """What others may use of a module: its definitions and their methods, by qualified name."""
    for node in tree.body:
        if not isinstance(node, Definition) or node.name.startswith("_"):
            continue
        yield node.name, node
        for member in node.body if isinstance(node, ast.ClassDef) else ():
            if isinstance(member, Definition) and not member.name.startswith(("_", *_BY_THE_LIBRARY)):
                yield f"{node.name}.{member.name}", member


def where(path: Path) -> str:
    return path.relative_to(CODE).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=where)
def test_everything_public_has_a_docstring(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    missing = [name for name, node in public(tree) if ast.get_docstring(node) is None]
    assert not missing
    assert ast.get_docstring(tree) is not None or not tree.body


def test_many_arguments_are_explained_each_by_its_name() -> None:
    """Which is which, in what unit, what None means: names alone do not say it where there are many."""
    silent = []
    for path in MODULES:
        for name, node in public(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef) or any("app.command" in ast.unparse(d) for d in node.decorator_list):
                continue  # The options of a command have their help.
            arguments = [a.arg for a in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]]
            arguments = [each for each in arguments if each not in ("self", "cls")]
            text = ast.get_docstring(node) or ""
            explained = [each for each in arguments if f"{each}:" in text or f"`{each}`" in text]
            if len(arguments) > _MANY and not explained:
                silent.append(f"{where(path)}:{name}({', '.join(arguments)})")
    assert not silent, "\n".join(silent)
