"""Coroutines that are made and never waited for."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from codemods.syntax import walk
from codemods.verify.defects import Defect
from codemods.verify.model import Module, Package, first_line

# Callables that take a coroutine (or a list of them) and wait for it, or ask what it is.
CONSUMERS = frozenset(
    {
        "create_task", "ensure_future", "gather", "wait", "wait_for", "shield", "run", "run_coroutine_threadsafe",
        "run_until_complete", "as_completed", "start_soon", "ready", "isawaitable", "iscoroutine", "run_async",
        "enter_async_context", "append", "add", "close",
    }
)  # fmt: skip


def lost_coroutines(package: Package, module: Module) -> Iterator[Defect]:
    """Calls of a module that make a coroutine which nobody awaits, keeps or hands on."""
    for node in module.nodes:
        if not isinstance(node, ast.Call):
            continue
        if isinstance(module.parents.get(node), ast.Await):
            continue
        name = package.reaches(module, node)
        if name is not None and (how := _lost(module, node)) is not None:
            yield Defect(module.path, node.lineno, "await", f"the coroutine of {name}(...) is {how}")


def _lost(module: Module, node: ast.AST) -> str | None:
    """What becomes of a coroutine that is wrong; None where it is awaited, handed on, or its fate is not known."""
    parent = module.parents[node]
    if isinstance(parent, ast.Await | ast.Lambda | ast.Yield):
        return None
    if isinstance(parent, ast.Return):
        functions = module.functions_around(node)
        is_async = bool(functions) and isinstance(functions[0], ast.AsyncFunctionDef)
        return "returned from a coroutine instead of its result" if is_async else None
    if isinstance(parent, ast.IfExp) and node is not parent.test:
        return _lost(module, parent)
    if isinstance(parent, ast.NamedExpr | ast.Starred | ast.keyword | ast.List | ast.Tuple | ast.Set):
        return _lost(module, parent)
    if isinstance(parent, ast.ListComp | ast.SetComp | ast.GeneratorExp) and node is parent.elt:
        return _lost(module, parent)
    if isinstance(parent, ast.Assign | ast.AnnAssign):
        return _lost_variable(module, parent, node)
    if isinstance(parent, ast.Call) and node is not parent.func:
        callee = parent.func
        name = callee.attr if isinstance(callee, ast.Attribute) else getattr(callee, "id", "")
        return None if name in CONSUMERS else f"passed to {ast.unparse(callee)}(...), which does not wait"
    if isinstance(parent, ast.Expr):
        return "never awaited"
    return f"used as a value in `{first_line(parent)}`"


def _lost_variable(module: Module, assignment: ast.Assign | ast.AnnAssign, node: ast.AST) -> str | None:
    """A coroutine may be kept in a variable if the variable is read as a whole later; anything else is a wrong use."""
    targets = assignment.targets if isinstance(assignment, ast.Assign) else [assignment.target]
    if len(targets) != 1 or not isinstance(targets[0], ast.Name):
        return f"stored in `{first_line(assignment)}`"
    functions = module.functions_around(node)
    if not functions:
        return "never awaited"
    name = targets[0].id
    for use in walk(functions[0]):
        if isinstance(use, ast.Name) and use.id == name and isinstance(use.ctx, ast.Load):
            parent = module.parents[use]
            if isinstance(parent, ast.Await | ast.Return | ast.Starred | ast.List | ast.Tuple | ast.comprehension):
                return None
            if isinstance(parent, ast.Call) and use is not parent.func:
                return None
    return f"kept in `{name}`, which nothing awaits"
