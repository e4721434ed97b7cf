"""Runs the code cells of a notebook one after the other, as a kernel does: `await` is allowed at the top level.

    python notebook_run.py NOTEBOOK

What a cell's last expression gives is printed, as a kernel shows it.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import sys
from pathlib import Path
from types import CodeType
from typing import Any


def cells(path: Path) -> list[str]:
    """The source of each code cell."""
    found = json.loads(path.read_text("utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in found if cell["cell_type"] == "code"]


def split(source: str, name: str) -> tuple[CodeType, CodeType | None]:
    """A cell's statements, and the expression at its end if there is one."""
    tree = ast.parse(source, name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    statements = compile(tree, name, "exec", flags)
    return statements, compile(ast.Expression(last.value), name, "eval", flags) if last is not None else None


async def run(path: Path) -> None:
    """Runs the cells in one namespace and one event loop."""
    namespace: dict[str, Any] = {"__name__": "__main__"}

    async def value(code: CodeType) -> Any:
        result = eval(code, namespace)
        return await result if inspect.iscoroutine(result) and code.co_flags & inspect.CO_COROUTINE else result

    for number, source in enumerate(cells(path)):
        statements, last = split(source, f"cell {number}")
        await value(statements)
        shown = await value(last) if last is not None else None
        if shown is not None:
            print(repr(shown))


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1])))
