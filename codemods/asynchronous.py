"""What becomes asynchronous without being awaited: generators that are looped over, context managers, children of
settings that a ``with`` hands out. Asked of values, so that it does not matter where they were made.
"""

from __future__ import annotations

import ast

from codemods.coloring import Coloring
from codemods.program import FunctionInfo
from codemods.program.build import dotted
from codemods.program.scopes import Scope
from codemods.program.values import Container, External, FunctionRef, Instance, Values

_TAKES_GENERATORS = frozenset(
    {"aclosing", "aiter", "anext", "callable", "getattr", "hasattr", "id", "isasyncgen", "isawaitable", "isinstance",
     "iscoroutine", "print", "repr", "type", "cast"}
)  # fmt: skip


def asynchronous_generators(coloring: Coloring, node: ast.expr, scope: Scope) -> tuple[list[FunctionInfo], bool]:
    """Functions whose asynchronous generator ``node`` may hold; whether it may hold something else, too."""
    found, others = coloring.flow.generators(node, scope)
    waiting = [f for f in found if coloring.is_coroutine(f) and not f.is_contextmanager]
    return waiting, others or len(waiting) < len(found)


def enters_asynchronously(coloring: Coloring, node: ast.expr, scope: Scope) -> bool:
    """Whether ``node`` holds a context manager of a function that becomes a coroutine."""
    found, _ = coloring.flow.generators(node, scope)
    return any(f.is_contextmanager and coloring.is_coroutine(f) for f in found)


def is_left_by_waiting(coloring: Coloring, node: ast.expr, scope: Scope) -> bool:
    """Whether ``node`` may hold a context manager of the library that has both forms.

    Its plain form cannot wait for what upstream's waits for. A class of the program that has both means both.
    """
    own = coloring.program.own
    if own is None:
        return False
    classes = [
        coloring.program.classes.get(v.cls) for v in coloring.flow.values(node, scope) if isinstance(v, Instance)
    ]
    leaving = [cls.find_method("__aexit__") for cls in classes if cls is not None]
    return any(method is not None and method.module.name not in own for method in leaving)


def makes_child(coloring: Coloring, node: ast.expr, scope: Scope) -> bool:
    """Whether entering ``node`` hands out a child of some settings."""
    settings = coloring.rules.settings
    method = f"{settings.class_symbol}.{settings.context_method}"
    if isinstance(node, ast.Call):
        return _holds_function(coloring.flow.values(node.func, scope), method)
    values = coloring.flow.values(node, scope)
    return any(v == Instance(settings.class_symbol) or v == Container(f"{method}:yield") for v in values)


def _holds_function(values: Values, symbol: str) -> bool:
    return any(isinstance(v, FunctionRef) and v.function == symbol for v in values)


def consumes_generators(coloring: Coloring, call: ast.Call, scope: Scope) -> bool:
    """Whether a call goes to code of another package, which takes what it is handed for a plain iterable."""
    if (dotted(call.func) or "").split(".")[-1] in _TAKES_GENERATORS:
        return False
    values = coloring.flow.values(call.func, scope)
    return bool(values) and all(isinstance(v, External) for v in values)
