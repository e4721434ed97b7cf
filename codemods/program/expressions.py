"""What expressions hold: which function answers for each kind, and the kinds that take one line."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from codemods.program.attributes import attribute_expression
from codemods.program.calls import call_values
from codemods.program.containers import comprehension_values, dict_values, display_values, subscript_values
from codemods.program.name_values import name_expression
from codemods.program.narrowing import asked, classes_named, narrowed_values
from codemods.program.scopes import Scope
from codemods.program.values import NOTHING, OBJECT, Container, FunctionRef, Values

if TYPE_CHECKING:
    from codemods.program.flow import Flow


def _constant(flow: Flow, node: ast.Constant, scope: Scope) -> Values:
    return NOTHING if node.value is None else frozenset({OBJECT})


def _string(flow: Flow, node: ast.expr, scope: Scope) -> Values:
    return frozenset({OBJECT})


def _bool(flow: Flow, node: ast.expr, scope: Scope) -> Values:
    return frozenset({OBJECT})


def _lambda(flow: Flow, node: ast.Lambda, scope: Scope) -> Values:
    return frozenset({FunctionRef(flow.program.function_of[node].symbol)})


def _union(flow: Flow, node: ast.BoolOp, scope: Scope) -> Values:
    return frozenset(v for operand in node.values for v in flow.values(operand, scope))


def _if_expression(flow: Flow, node: ast.IfExp, scope: Scope) -> Values:
    body = flow.values(node.body, scope)
    for name, classes in asked(node.test):
        if isinstance(node.body, ast.Name) and node.body.id == name:
            body = narrowed_values(flow, body, classes_named(flow, classes, scope))
    return body | flow.values(node.orelse, scope)


def _inner(flow: Flow, node: ast.Await | ast.NamedExpr | ast.Starred, scope: Scope) -> Values:
    return flow.values(node.value, scope)


def _binary(flow: Flow, node: ast.BinOp, scope: Scope) -> Values:
    both = flow.values(node.left, scope) | flow.values(node.right, scope)
    containers = frozenset(v for v in both if isinstance(v, Container))
    return containers or frozenset({OBJECT})


VALUES_OF: Mapping[type[ast.expr], Callable[[Flow, Any, Scope], Values]] = {
    ast.Constant: _constant,
    ast.JoinedStr: _string,
    ast.Compare: _bool,
    ast.Name: name_expression,
    ast.Attribute: attribute_expression,
    ast.Call: call_values,
    ast.Subscript: subscript_values,
    ast.List: display_values,
    ast.Tuple: display_values,
    ast.Set: display_values,
    ast.Dict: dict_values,
    ast.ListComp: comprehension_values,
    ast.SetComp: comprehension_values,
    ast.GeneratorExp: comprehension_values,
    ast.DictComp: comprehension_values,
    ast.Lambda: _lambda,
    ast.BoolOp: _union,
    ast.IfExp: _if_expression,
    ast.Await: _inner,
    ast.NamedExpr: _inner,
    ast.Starred: _inner,
    ast.BinOp: _binary,
}
"""What answers for each kind of expression; of others nothing is known."""
