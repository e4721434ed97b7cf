"""Which variables hold objects of named classes and nothing else, as their annotations promise.

Values that flow into such a variable and are of none of these classes got there because the analysis took two things
for one. Behind it, calls would be taken for calls of whatever these are, all over the package.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from codemods.program.build import dotted
from codemods.program.model import ClassInfo
from codemods.program.scopes import Scope
from codemods.program.values import NOTHING, ClassRef, Variable

if TYPE_CHECKING:
    from codemods.program.flow import Flow

_ALTERNATIVES = frozenset({"Optional", "Union", "Annotated"})


def promises(flow: Flow) -> Iterator[tuple[Variable, list[ClassInfo]]]:
    """Variables with the classes whose objects they hold: parameters, results, and attributes that a class declares."""
    for function in flow.program.own_functions():
        scope = flow.scope_of[function.node]
        for argument in [*function.arguments, *function.node.args.kwonlyargs]:
            yield from _promise(flow, ("L", function.symbol, argument.arg), argument.annotation, scope)
        yield from _promise(flow, ("R", function.symbol), getattr(function.node, "returns", None), scope)
    for cls in flow.program.own_classes():
        for name, annotation in cls.annotations.items():
            yield from _promise(flow, ("A", cls.symbol, name), annotation, flow.scope_of[cls.node])


def _promise(
    flow: Flow, variable: Variable, annotation: ast.expr | None, scope: Scope
) -> Iterator[tuple[Variable, list[ClassInfo]]]:
    classes = _classes(flow, annotation, scope) if annotation is not None else None
    # What a protocol asks for, a function may have as well.
    if classes and not any(cls.is_protocol for cls in classes):
        yield variable, classes


def _classes(flow: Flow, node: ast.expr, scope: Scope) -> list[ClassInfo] | None:
    """The classes of the package that an annotation names, beside ``None``; None where it names something else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            return _classes(flow, ast.parse(node.value, mode="eval").body, scope)
        except SyntaxError:
            return None
    if isinstance(node, ast.Constant) and node.value is None:
        return []
    parts = _alternatives(node)
    if parts is not None:
        found = [_classes(flow, part, scope) for part in parts]
        return None if None in found else [cls for classes in found for cls in classes or ()]
    values = flow.values(node, scope) if isinstance(node, ast.Name | ast.Attribute) else NOTHING
    named = [flow.program.classes[value.cls] for value in values if isinstance(value, ClassRef)]
    return named if named and len(named) == len(values) else None


def _alternatives(node: ast.expr) -> list[ast.expr] | None:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return [node.left, node.right]
    name = (dotted(node.value) or "").split(".")[-1] if isinstance(node, ast.Subscript) else ""
    if not isinstance(node, ast.Subscript) or name not in _ALTERNATIVES:
        return None
    arguments = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    return arguments[:1] if name == "Annotated" else arguments
