"""What a name holds where it is read: a local variable, an import, a global one, or a builtin."""

from __future__ import annotations

import ast
import builtins
from typing import TYPE_CHECKING

from codemods.program.model import FunctionInfo
from codemods.program.names import Target, resolve_global
from codemods.program.narrowing import classes_named, narrowed_values
from codemods.program.scopes import Scope
from codemods.program.values import ClassRef, External, FunctionRef, ModuleRef, Values

if TYPE_CHECKING:
    from codemods.program.flow import Flow


_OF_NOTEBOOKS = frozenset({"display", "get_ipython"})
"""Functions that a notebook's cells call without importing them."""


def name_expression(flow: Flow, node: ast.Name, scope: Scope) -> Values:
    """What a use of a name may hold, ``isinstance`` having been asked before or not."""
    values = name_values(flow, node.id, scope)
    asked = scope.narrowed.get(node)
    return values if asked is None else narrowed_values(flow, values, classes_named(flow, asked, scope))


def name_values(flow: Flow, name: str, scope: Scope) -> Values:
    """What the variable of a name may hold, as a scope sees it."""
    if scope.class_scope and scope.owner is not None:
        held = flow.variables.held(("A", scope.owner.symbol, name))
        if held:
            return frozenset(held)
        if name in scope.owner.methods:
            return frozenset({FunctionRef(scope.owner.methods[name].symbol)})
    function = scope.function
    while function is not None:
        if name in function.locals:
            return _local(flow, name, function)
        function = function.parent
    return global_values(flow, scope.module.name, name)


def _local(flow: Flow, name: str, function: FunctionInfo) -> Values:
    scope = flow.scope_of[function.node]
    held = frozenset(flow.variables.held(("L", function.symbol, name)))
    imported = scope.imports.get(name)
    return held | target_values(flow, imported) if imported is not None else held


def is_bound_name(flow: Flow, name: str, scope: Scope) -> bool:
    """Whether the program binds a name, in the scope or around it, or Python does."""
    function = scope.function
    while function is not None:
        if name in function.locals:
            return True
        function = function.parent
    if resolve_global(flow.program, scope.module.name, name) is not None or hasattr(builtins, name):
        return True
    return any(star not in flow.program.modules for star in flow.program.stars[scope.module.name])


def global_values(flow: Flow, module: str, name: str) -> Values:
    """What a name of a module may hold, a builtin or a name from a star import as well."""
    target = resolve_global(flow.program, module, name)
    if target is not None:
        return target_values(flow, target)
    if hasattr(builtins, name):
        return frozenset({External(f"builtins.{name}")})
    if name in _OF_NOTEBOOKS:
        return frozenset({External(f"IPython.display.{name}")})
    foreign = [star for star in flow.program.stars[module] if star not in flow.program.modules]
    return frozenset(External(f"{star}.{name}") for star in foreign) or frozenset(
        flow.variables.held(("G", module, name))
    )


def target_values(flow: Flow, target: Target) -> Values:
    """What a resolved import or global name may hold."""
    if target.external:
        return frozenset({External(target.dotted)})
    if target.name is None:
        return frozenset({ModuleRef(target.module)})
    symbol = f"{target.module}:{target.name}"
    if symbol in flow.program.classes:
        return frozenset({ClassRef(symbol)})
    if symbol in flow.program.functions:
        return _definitions(flow, flow.program.functions[symbol])
    return frozenset(flow.variables.held(("G", target.module, target.name)))


def function_value(flow: Flow, function: FunctionInfo, bound: bool = False) -> Values:
    """A reference to a function; a wrapper made with ``functools.wraps`` stands for what it wraps."""
    wrapped = flow.wrapped.get(function.symbol)
    if wrapped is not None:
        expression, scope = wrapped
        if isinstance(expression, ast.Name):
            return name_values(flow, expression.id, scope) - {FunctionRef(function.symbol)}
    return frozenset({FunctionRef(function.symbol, bound)})


def _definitions(flow: Flow, function: FunctionInfo, bound: bool = False) -> Values:
    """References to a function, and to its further definitions under the same name."""
    every = [function, *flow.program.further.get(function.symbol, ())]
    return frozenset(value for each in every for value in function_value(flow, each, bound))
