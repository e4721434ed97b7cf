"""How many assertions each function of a test file makes."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Mapping

_CONTEXTS = frozenset({"raises", "warns", "deprecated_call", "fail"})
"""What pytest offers beside `assert`."""


def count_assertions(text: str) -> dict[str, int]:
    """Assertions by qualified name of the function at the top of a module or class; what is nested counts with it.

    Counted are `assert`, `pytest.raises` and its kind, and methods of mocks and test cases that begin with `assert`.
    What stands outside of functions is under the empty name.

    Raises:
        SyntaxError: the text is no Python.
    """
    counts: Counter[str] = Counter()
    _count(ast.parse(text), "", counts)
    return dict(counts)


def lost_assertions(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Functions of test files that have fewer assertions than they had, or are gone: by path and name, with a sentence.

    Args:
        before: test files by path, as upstream has them.
        after: the same, converted.
    """
    lost: dict[str, dict[str, str]] = {}
    for path, text in before.items():
        if not path.endswith(".py"):
            continue
        then, now = count_assertions(text), count_assertions(after.get(path, ""))
        fewer = {
            name: f"{now.get(name, 0)} of {count} assertions"
            for name, count in then.items()
            if now.get(name, 0) < count
        }
        if fewer:
            lost[path] = fewer
    return lost


def _count(node: ast.AST, scope: str, counts: Counter[str]) -> None:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            _count(child, f"{scope}{child.name}.", counts)
        elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            counts[f"{scope}{child.name}"] += sum(_is_assertion(inner) for inner in ast.walk(child))
        elif found := sum(_is_assertion(inner) for inner in ast.walk(child)):
            counts[""] += found


def _is_assertion(node: ast.AST) -> bool:
    if isinstance(node, ast.Assert):
        return True
    if not isinstance(node, ast.Call):
        return False
    called = node.func
    if isinstance(called, ast.Name):
        return called.id in _CONTEXTS
    if not isinstance(called, ast.Attribute):
        return False
    is_pytest = isinstance(called.value, ast.Name) and called.value.id == "pytest"
    return called.attr.startswith("assert") or (is_pytest and called.attr in _CONTEXTS)
