"""Locks of threads that a function holds while it waits: tasks on one event loop would wait for each other for ever."""

from __future__ import annotations

import ast

from codemods.coloring import Coloring
from codemods.program import FunctionInfo
from codemods.program.build import iter_own
from codemods.program.values import External

_LOCKS = frozenset({"threading.Lock", "threading.RLock", "threading.Condition", "threading.Semaphore",
                    "threading.BoundedSemaphore"})  # fmt: skip


def holds_lock(coloring: Coloring, function: FunctionInfo) -> bool:
    """Whether a function calls a coroutine function while it holds a lock, or enters something called so."""
    scope = coloring.flow.scope_of[function.node]
    calls = [site for site in coloring.calls if site.function is function]
    waiting = {site.node for site in calls if any(coloring.is_coloured(target) for target in site.targets)}
    blocks = [node for node in iter_own(function.node) if isinstance(node, ast.With)]
    locked = [b for b in blocks if any(_is_lock(coloring, item.context_expr, function) for item in b.items)]
    if any(node in waiting for block in locked for node in ast.walk(block)):
        return True
    return any(_acquires(call) for call in scope.calls)


def _is_lock(coloring: Coloring, node: ast.expr, function: FunctionInfo) -> bool:
    values = coloring.flow.values(node, coloring.flow.scope_of[function.node])
    made = any(isinstance(value, External) and value.name in _LOCKS for value in values)
    return made or "lock" in ast.unparse(node).lower()


def _acquires(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr == "acquire"
