"""Uses of a scope's variables, in functions inside of it too."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from codemods.program import Program


def uses(program: Program, node: ast.AST, bound: frozenset[str] = frozenset()) -> Iterator[ast.Name]:
    """Every name below a scope's node that means one of its variables, or something around it.

    Args:
        bound: names that functions on the way have for themselves.
    """
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Name) and child.id not in bound:
            yield child
        function = program.function_of.get(child)
        yield from uses(program, child, bound | function.locals if function is not None else bound)
