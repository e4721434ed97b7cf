"""What a framework calls and would not await, such as a command of click, runs an event loop itself.

Their body moves into `async def main()`, which `asyncio.run` runs: the engine converts what is in it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from codemods.coloring import Coloring
from codemods.entries import is_not_awaited
from codemods.migrate.rewriting import Edit, Places
from codemods.migrate.scope_text import ModuleText
from codemods.program import FunctionInfo
from codemods.program.build import bound_names, iter_own

_NAMES = ("main", "run", "body", "awaited")


def commands(coloring: Coloring, text: ModuleText, code: str) -> Iterator[Edit]:
    """The edits of functions that have to wait and are called by a framework that would not await them."""
    for function in coloring.program.own_functions():
        if function.module is not text.module or function.symbol not in coloring.walls:
            continue
        if is_not_awaited(coloring.flow, function) and not function.is_generator and function.owner is None:
            yield from _moved(function, text.places, code)


def _moved(function: FunctionInfo, places: Places, code: str) -> Iterator[Edit]:
    assert not isinstance(function.node, ast.Lambda)
    body = function.node.body
    kept = 1 if ast.get_docstring(function.node, clean=False) is not None else 0
    moved = body[kept:]
    if not moved or not all(places.is_alone(statement) for statement in (moved[0], moved[-1])) or _has_long_text(moved):
        return
    last = moved[-1].end_lineno
    assert last is not None
    start, end = places.line_start(moved[0].lineno), places.line_start(last + 1)
    indent = places.indent(moved[0])
    name = _free_name(function)
    own = bound_names(function.node) & {a.arg for a in _parameters(function)}
    declared = f"{indent}    nonlocal {', '.join(sorted(own))}\n" if own else ""
    inner = "".join(f"    {line}\n" if line.strip() else "\n" for line in places.between(start, end).splitlines())
    gives = any(isinstance(n, ast.Return) and n.value is not None for n in iter_own(function.node))
    run = f"{indent}{'return ' if gives else ''}asyncio.run({name}())\n"
    lead = "\n" if kept else ""
    yield Edit(start, end, f"{lead}{indent}async def {name}():\n{declared}{inner}\n{run}", code, ("asyncio",))


def _parameters(function: FunctionInfo) -> list[ast.arg]:
    arguments = function.node.args
    stars = [each for each in (arguments.vararg, arguments.kwarg) if each is not None]
    return [*function.arguments, *arguments.kwonlyargs, *stars]


def _has_long_text(statements: list[ast.stmt]) -> bool:
    """Whether a string goes over several lines, whose blanks are part of it."""
    texts = (ast.Constant, ast.JoinedStr)
    nodes = [node for statement in statements for node in ast.walk(statement) if isinstance(node, texts)]
    return any(node.end_lineno != node.lineno for node in nodes)


def _free_name(function: FunctionInfo) -> str:
    taken = {n.id for n in ast.walk(function.node) if isinstance(n, ast.Name)} | function.locals
    return next((name for name in _NAMES if name not in taken), "awaited_main")
