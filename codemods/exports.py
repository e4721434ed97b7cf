"""What a package offers under its own name, said in the way that type checkers read it.

A package with `py.typed` offers what its `__init__.py` lists in `__all__`, and without that list what it imports under
an alias, `from dspy.evaluate import Evaluate as Evaluate`; any other import there is its own affair to a checker, which
reports `dspy.Evaluate` in a user's program as private. (The typing documentation calls it the import conventions of
distributed type information.) Upstream ships no `py.typed`, and imports without.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import PurePosixPath

from codemods.source import PACKAGE
from codemods.syntax import parsed

_MARK = "\ufeff"


def with_exports(path: str, text: str) -> str:
    """A file's text, with what it imports from its own package under an alias, if that is how it offers names.

    Args:
        path: posix path. Only `__init__.py` offers anything.
        text: what does not parse comes back as it is; verify says what is wrong there.
    """
    if PurePosixPath(path).name != "__init__.py":
        return text
    body = text.removeprefix(_MARK)
    try:
        tree = parsed(body)
    except (SyntaxError, ValueError):
        return text
    if any(_lists_names(each) for each in tree.body):
        return text
    lines = body.encode().splitlines(keepends=True)
    for alias in reversed([*_own_names(tree)]):
        assert alias.end_lineno is not None
        row, end = alias.end_lineno - 1, alias.end_col_offset
        assert end is not None
        lines[row] = lines[row][:end] + f" as {alias.name}".encode() + lines[row][end:]
    return text[: len(text) - len(body)] + b"".join(lines).decode()


def _lists_names(statement: ast.stmt) -> bool:
    """Whether it says what `__all__` is."""
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign | ast.AugAssign):
        targets = [statement.target]
    else:
        return False
    return any(isinstance(each, ast.Name) and each.id == "__all__" for each in targets)


def _own_names(tree: ast.Module) -> Iterator[ast.alias]:
    """What is imported from the package itself under the name it has there, in the order of the text."""
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom) and _is_own(statement):
            yield from (each for each in statement.names if each.name != "*" and each.asname is None)


def _is_own(statement: ast.ImportFrom) -> bool:
    return statement.level > 0 or (statement.module or "").partition(".")[0] == PACKAGE
