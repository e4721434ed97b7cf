"""The process's settings object in the source: where code reads it, its context method or its ``configure``."""

from __future__ import annotations

import ast
from typing import Literal, TypeGuard

from codemods.program.build import dotted, iter_own
from codemods.program.flow import Flow
from codemods.program.names import follow, resolve_global
from codemods.program.scopes import Scope
from codemods.program.values import FunctionRef
from codemods.syntax import walk

_NAMES = (ast.Name, ast.Attribute)


def settings_reads(flow: Flow, scope: Scope) -> list[ast.expr]:
    """Expressions in ``scope`` that are the process's settings object, however it was imported."""
    found: list[ast.expr] = []
    names = [n for n in iter_own(scope.node) if isinstance(n, _NAMES)]
    skip: set[ast.AST] = {n.value for n in names if changes_default(n, flow)}
    for node in names:
        if node not in skip and isinstance(node.ctx, ast.Load) and settings_read(flow, node, scope) is not None:
            found.append(node)
            skip.update(walk(node))
    return found


def settings_read(flow: Flow, node: ast.expr, scope: Scope) -> Literal["object", "context"] | None:
    """Whether ``node`` is the settings object itself, or an alias of its context method, such as ``dspy.context``."""
    target = _global_target(flow, node, scope)
    if target is None:
        return None
    if _is_object(flow, target):
        return "object"
    return "context" if _is_context(flow, *target) else None


def changes_default(node: ast.AST, flow: Flow) -> TypeGuard[ast.Attribute]:
    """``dspy.settings.configure`` in a program that uses the library: it changes the process's own, and stays."""
    return isinstance(node, ast.Attribute) and node.attr == "configure" and flow.base is not None


def is_settings_object(flow: Flow, node: ast.expr, scope: Scope) -> bool:
    """Whether ``node`` names the settings object itself (not a parameter or variable that holds one)."""
    target = _global_target(flow, node, scope)
    return target is not None and _is_object(flow, target)


def _is_object(flow: Flow, target: tuple[str, str | None]) -> bool:
    return f"{target[0]}:{target[1]}" == flow.rules.settings.object_symbol


def _is_context(flow: Flow, module: str, name: str | None) -> bool:
    if name is None or name != flow.rules.settings.context_method:
        return False
    held = flow.held(("G", module, name))
    method = f"{flow.rules.settings.class_symbol}.{flow.rules.settings.context_method}"
    return any(isinstance(v, FunctionRef) and v.function == method for v in held)


def _global_target(flow: Flow, node: ast.expr, scope: Scope) -> tuple[str, str | None] | None:
    name = dotted(node)
    if name is None:
        return None
    first, *rest = name.split(".")
    function = scope.function
    while function is not None:
        if first in function.locals:
            imported = flow.scope_of[function.node].imports.get(first)
            target = follow(flow.program, imported, rest) if imported is not None else None
            return (target.module, target.name) if target is not None else None
        function = function.parent
    target = follow(flow.program, resolve_global(flow.program, scope.module.name, first), rest)
    return (target.module, target.name) if target is not None and not target.external else None
