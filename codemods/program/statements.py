"""What statements bind: assignments, loops, ``with``, ``match``, returns and definitions."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from codemods.program.annotations import annotated_values
from codemods.program.arguments import bind_receiver
from codemods.program.containers import element_values, item_values
from codemods.program.name_values import function_value
from codemods.program.narrowing import classes_named
from codemods.program.scopes import Scope
from codemods.program.values import (
    OBJECT,
    ClassRef,
    Container,
    External,
    FunctionRef,
    Instance,
    Stub,
    Value,
    Values,
    Variable,
)

if TYPE_CHECKING:
    from codemods.program.flow import Flow


# Unions of types are made anew wherever they are asked about, which takes longer than the question.
_WITH_ONE_TARGET = (ast.NamedExpr, ast.AugAssign)
_LOOPS = (ast.For, ast.AsyncFor, ast.comprehension)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_WITH_ATTRIBUTES = (Instance, ClassRef)


def bind_statement(flow: Flow, node: ast.AST, scope: Scope) -> None:
    """Let what a statement binds hold what it is bound to. ``node`` is one of a scope's ``nodes``."""
    if isinstance(node, ast.Assign):
        values = flow.values(node.value, scope)
        for target in node.targets:
            _bind(flow, target, values, scope)
    elif isinstance(node, ast.AnnAssign):
        values = annotated_values(flow, node.annotation, scope)
        if node.value is not None:
            values |= flow.values(node.value, scope)
        _bind(flow, node.target, values, scope)
    elif isinstance(node, _WITH_ONE_TARGET):
        _bind(flow, node.target, flow.values(node.value, scope), scope)
    elif isinstance(node, _LOOPS):
        _bind(flow, node.target, element_values(flow, flow.values(node.iter, scope)), scope)
    elif isinstance(node, ast.withitem):
        if node.optional_vars is not None:
            _bind(flow, node.optional_vars, _entered(flow, flow.values(node.context_expr, scope)), scope)
    elif isinstance(node, ast.Return):
        if node.value is not None and scope.function is not None:
            flow.variables.add(("R", scope.function.symbol), flow.values(node.value, scope))
    elif isinstance(node, ast.Yield):
        if node.value is not None and scope.function is not None:
            flow.variables.add(("Y", scope.function.symbol), flow.values(node.value, scope))
    elif isinstance(node, ast.YieldFrom):
        if scope.function is not None:
            flow.variables.add(("Y", scope.function.symbol), element_values(flow, flow.values(node.value, scope)))
    elif isinstance(node, ast.MatchAs):
        classes = classes_named(flow, node.pattern.cls, scope) if isinstance(node.pattern, ast.MatchClass) else None
        if node.name is not None and classes is not None:
            flow.variables.add(_variable(flow, node.name, scope), {Instance(cls.symbol) for cls in classes})
    elif isinstance(node, ast.ExceptHandler):
        if node.name:
            flow.variables.add(_variable(flow, node.name, scope), frozenset({OBJECT}))
    elif isinstance(node, _DEFINITIONS):
        _bind_definition(flow, node, scope)
    elif isinstance(node, ast.ClassDef):
        flow.variables.add(_variable(flow, node.name, scope), frozenset({ClassRef(flow.program.class_of[node].symbol)}))


def _bind_definition(flow: Flow, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> None:
    if flow.base is not None and node.decorator_list:
        _bind_decorated(flow, node, scope)
    if not scope.class_scope:
        flow.variables.add(_variable(flow, node.name, scope), function_value(flow, flow.program.function_of[node]))


def _bind_decorated(flow: Flow, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> None:
    """A decorator of the program's own is handed what it stands above."""
    decorated = frozenset({FunctionRef(flow.program.function_of[node].symbol)})
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and any(
            isinstance(value, External) for value in flow.values(decorator.func, scope)
        ):
            continue  # `functools.wraps(f)` gives what stands for f, and does not call it.
        for value in flow.values(decorator, scope):
            if isinstance(value, FunctionRef) and not value.bound and flow.program.owns(value.function):
                for parameter in flow.program.functions[value.function].arguments[:1]:
                    flow.variables.add(("L", value.function, parameter.arg), decorated)


def _bind(flow: Flow, target: ast.expr, values: Values, scope: Scope) -> None:
    if isinstance(target, ast.Name):
        flow.variables.add(_variable(flow, target.id, scope), values)
    elif isinstance(target, ast.Attribute):
        for base in flow.values(target.value, scope):
            if isinstance(base, _WITH_ATTRIBUTES):
                flow.variables.add(("A", base.cls, target.attr), values)
                bind_receiver(flow, base, values)
            elif isinstance(base, Stub):
                flow.variables.add(("S", base.site, target.attr), values)
    elif isinstance(target, ast.Subscript):
        for base in flow.values(target.value, scope):
            if isinstance(base, Container):
                flow.variables.add(("E", base.site), values)
    elif isinstance(target, ast.Starred):
        _bind(flow, target.value, values, scope)
    elif isinstance(target, ast.Tuple | ast.List):
        for index, element in enumerate(target.elts):
            rest = isinstance(element, ast.Starred)
            _bind(
                flow, element, _rest(flow, element, values, scope) if rest else item_values(flow, values, index), scope
            )


def _rest(flow: Flow, target: ast.expr, values: Values, scope: Scope) -> Values:
    """The list that ``*rest`` is bound to."""
    site = f"{scope.module.path}:{target.lineno}:{target.col_offset}:rest"
    flow.variables.add(("E", site), element_values(flow, values))
    return frozenset({Container(site)})


def _variable(flow: Flow, name: str, scope: Scope) -> Variable:
    if scope.class_scope:
        assert scope.owner is not None
        return ("A", scope.owner.symbol, name)
    function = scope.function
    while function is not None:
        if name in function.locals:
            return ("L", function.symbol, name)
        function = function.parent
    return ("G", scope.module.name, name)


def _entered(flow: Flow, values: Values) -> Values:
    """What ``with value as x`` binds."""
    found: set[Value] = set()
    for value in values:
        if isinstance(value, Instance):
            cls = flow.program.classes[value.cls]
            method = cls.find_method("__enter__") or cls.find_method("__aenter__")
            found |= flow.variables.held(("R", method.symbol)) if method else {value}
        elif isinstance(value, Container):
            found |= element_values(flow, frozenset({value}))
        else:
            found.add(value)
    return frozenset(found)
