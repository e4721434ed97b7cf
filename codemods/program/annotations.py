"""What an annotation promises: objects of classes, containers of such, or nothing that can be told."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from codemods.program.build import dotted
from codemods.program.scopes import Scope
from codemods.program.values import NOTHING, OBJECT, ClassRef, Container, External, Instance, Opaque, Value, Values

if TYPE_CHECKING:
    from codemods.program.flow import Flow


def annotated_values(flow: Flow, node: ast.expr, scope: Scope) -> Values:
    """The values that an annotation promises; empty for ``Any``, ``Callable`` and what is not understood."""
    return flow.variables.answered((node, scope), lambda: _annotated(flow, node, scope))


def _annotated(flow: Flow, node: ast.expr, scope: Scope) -> Values:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            return annotated_values(flow, ast.parse(node.value, mode="eval").body, scope)
        except SyntaxError:
            return NOTHING
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return annotated_values(flow, node.left, scope) | annotated_values(flow, node.right, scope)
    if isinstance(node, ast.Subscript):
        return _generic(flow, node, scope)
    return _annotation_name(flow, node, scope)


def _annotation_name(flow: Flow, node: ast.expr, scope: Scope) -> Values:
    if not isinstance(node, ast.Name | ast.Attribute):
        return NOTHING
    found: set[Value] = set()
    for value in flow.values(node, scope):
        if isinstance(value, ClassRef):
            found.add(Instance(value.cls))
        elif isinstance(value, External) and value.name.split(".")[-1] in ("Callable", "callable"):
            found.add(Opaque())
        elif isinstance(value, External) and value.name.split(".")[-1] not in (
            "Any",
            "Callable",
            "object",
            "callable",
            "TypeVar()",
        ):
            found.add(value.called())
    return frozenset(found)


def _generic(flow: Flow, node: ast.Subscript, scope: Scope) -> Values:
    name = (dotted(node.value) or "").split(".")[-1]
    arguments = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if name in ("Optional", "Union", "Annotated", "Final", "ClassVar", "Required"):
        used = arguments[:1] if name == "Annotated" else arguments
        return frozenset(v for a in used for v in annotated_values(flow, a, scope))
    if name in ("type", "Type"):
        return frozenset(
            ClassRef(v.cls) for a in arguments for v in annotated_values(flow, a, scope) if isinstance(v, Instance)
        )
    if name == "Callable":
        return frozenset({Opaque()})
    if name == "Literal":
        return frozenset({OBJECT})
    if name in ("dict", "Dict", "Mapping", "MutableMapping", "defaultdict", "OrderedDict"):
        return _annotated_container(flow, node, scope, arguments[-1:])
    if name in (
        "tuple",
        "Tuple",
        "list",
        "List",
        "set",
        "Set",
        "Sequence",
        "Iterable",
        "Iterator",
        "Generator",
        "frozenset",
        "deque",
        "AsyncGenerator",
        "AsyncIterator",
    ):
        return _annotated_container(flow, node, scope, arguments if name.lower() == "tuple" else arguments[:1])
    if name in ("Coroutine", "Awaitable"):
        return annotated_values(flow, arguments[-1], scope)
    return _annotation_name(flow, node.value, scope)


def _annotated_container(flow: Flow, node: ast.Subscript, scope: Scope, arguments: list[ast.expr]) -> Values:
    site = f"{scope.module.name}:annotation:{ast.unparse(node)}"
    has_places = len(arguments) > 1 and not any(isinstance(a, ast.Constant) and a.value is ... for a in arguments)
    if has_places:
        flow.variables.tell_places_apart(site)
    for index, argument in enumerate(arguments):
        values = annotated_values(flow, argument, scope)
        flow.variables.add(("E", site), values)
        if has_places:
            flow.variables.add_at(site, index, values)
    return frozenset({Container(site)})
