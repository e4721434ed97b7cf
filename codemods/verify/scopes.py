"""Which function or class a line of a file belongs to: what stays the same of a finding where its line does not."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache


def scope_at(text: str, line: int) -> str:
    """The qualified name of the innermost function or class around a line, its decorators included; "" for none.

    Args:
        text: a file that parses.
        line: counted from 1.
    """
    around = [name for name, first, last in _scopes(text) if first <= line <= last]
    return around[-1] if around else ""


@lru_cache(maxsize=64)
def _scopes(text: str) -> tuple[tuple[str, int, int], ...]:
    """Functions and classes with their first and last lines, outer before inner."""

    def within(node: ast.AST, prefix: str) -> Iterator[tuple[str, int, int]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = f"{prefix}{child.name}"
                first = min([child.lineno, *(each.lineno for each in child.decorator_list)])
                yield name, first, child.end_lineno or child.lineno
                yield from within(child, f"{name}.")
            else:
                yield from within(child, prefix)

    return tuple(within(ast.parse(text), ""))
