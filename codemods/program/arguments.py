"""What a call hands over: its arguments to the parameters, fields and containers of what it may call."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING

from codemods.program.attributes import attribute_values
from codemods.program.build import dotted
from codemods.program.containers import element_values
from codemods.program.model import FunctionInfo
from codemods.program.scopes import Scope
from codemods.program.values import ClassRef, Container, External, FunctionRef, Instance, Value, Values

if TYPE_CHECKING:
    from codemods.program.flow import Flow


_CONTAINER_ADD = frozenset({"append", "add", "extend", "insert", "update", "setdefault", "appendleft"})


def bind_call(flow: Flow, call: ast.Call, scope: Scope) -> None:
    """Let the parameters of what a call may reach hold its arguments."""
    if isinstance(call.func, ast.Attribute) and call.func.attr in _CONTAINER_ADD:
        _bind_container_call(flow, call, call.func, scope)
    _bind_set_attribute(flow, call, scope)
    for value in flow.values(call.func, scope):
        if isinstance(value, External) and value.name == "functools.partial" and call.args:
            for made in partial_of(flow, flow.values(call.args[0], scope)):
                if isinstance(made, FunctionRef):
                    _bind_function(flow, made, call, scope, call.args[1:])
        elif isinstance(value, FunctionRef):
            # What comes behind the arguments that a partial holds is not told apart.
            _bind_function(flow, value, call, scope, [] if value.given else call.args)
        elif isinstance(value, ClassRef):
            constructor = flow.program.classes[value.cls].find_method("__init__")
            if constructor is not None:
                _bind_arguments(flow, constructor, call, scope, call.args, skip_first=True)
            _bind_fields(flow, value.cls, call, scope)
        elif isinstance(value, Instance):
            method = flow.program.classes[value.cls].find_method("__call__")
            if method is not None:
                _bind_arguments(flow, method, call, scope, call.args, skip_first=True)


def _bind_function(flow: Flow, value: FunctionRef, call: ast.Call, scope: Scope, arguments: list[ast.expr]) -> None:
    function = flow.program.functions[value.function]
    _bind_arguments(flow, function, call, scope, arguments, skip_first=value.bound and function.is_method)


def _bind_set_attribute(flow: Flow, call: ast.Call, scope: Scope) -> None:
    """``setattr(C, "f", g)``, ``monkeypatch.setattr(...)`` and ``patch.object(...)``: who the object is."""
    last = (dotted(call.func) or "").split(".")[-1]
    if last not in ("setattr", "object") or len(call.args) < 3:
        return
    for base in flow.values(call.args[0], scope):
        bind_receiver(flow, base, flow.values(call.args[2], scope))


def bind_receiver(flow: Flow, base: Value, values: Values) -> None:
    """A function that is put into a class is handed its objects."""
    for value in values if isinstance(base, ClassRef) else ():
        function = flow.program.functions[value.function] if isinstance(value, FunctionRef) else None
        if function is not None and function.has_receiver and not function.is_method:
            assert isinstance(base, ClassRef)
            flow.variables.add(("L", function.symbol, function.arguments[0].arg), frozenset({Instance(base.cls)}))


def bind_method(flow: Flow, functions: Values, objects: Values) -> None:
    """``MethodType(f, x)`` hands ``x`` to ``f`` first."""
    for value in functions:
        function = flow.program.functions[value.function] if isinstance(value, FunctionRef) else None
        if function is not None and function.arguments:
            flow.variables.add(("L", function.symbol, function.arguments[0].arg), objects)


def _bind_container_call(flow: Flow, call: ast.Call, function: ast.Attribute, scope: Scope) -> None:
    for base in flow.values(function.value, scope):
        if isinstance(base, Container):
            for argument in call.args:
                values = flow.values(argument, scope)
                extends = function.attr in ("extend", "update")
                flow.variables.add(("E", base.site), element_values(flow, values) if extends else values)


def _bind_fields(flow: Flow, symbol: str, call: ast.Call, scope: Scope) -> None:
    """Keyword arguments of a class without ``__init__`` (pydantic models, dataclasses) fill its fields."""
    cls = flow.program.classes[symbol]
    if cls.find_method("__init__") is None and cls.annotations:
        for keyword in call.keywords:
            if keyword.arg in cls.annotations:
                flow.variables.add(("A", symbol, keyword.arg), flow.values(keyword.value, scope))


def _bind_arguments(
    flow: Flow, function: FunctionInfo, call: ast.Call, scope: Scope, arguments: list[ast.expr], *, skip_first: bool
) -> None:
    parameters = [a.arg for a in function.arguments]
    if skip_first:
        parameters = parameters[1:]
    handed = bool(arguments) and _is_settings(flow, arguments[0], scope)
    name = flow.settings_parameters.name(function)
    takes = name is not None and parameters[:1] == [name]
    if takes and arguments and not handed:
        parameters = parameters[1:]
    elif not takes and handed:
        arguments = arguments[1:]
    keyword_only = {a.arg for a in function.node.args.kwonlyargs} | set(parameters)
    for index, argument in enumerate(arguments):
        if isinstance(argument, ast.Starred):
            break
        values = flow.values(argument, scope)
        if index < len(parameters):
            flow.variables.add(("L", function.symbol, parameters[index]), values)
        elif function.node.args.vararg is not None:
            flow.variables.add(("E", f"{function.symbol}:{function.node.args.vararg.arg}"), values)
    for keyword in call.keywords:
        if keyword.arg is None:
            continue
        values = flow.values(keyword.value, scope)
        if keyword.arg in keyword_only:
            flow.variables.add(("L", function.symbol, keyword.arg), values)
        elif function.node.args.kwarg is not None:
            flow.variables.add(("E", f"{function.symbol}:{function.node.args.kwarg.arg}"), values)


def _is_settings(flow: Flow, node: ast.expr, scope: Scope) -> bool:
    return Instance(flow.rules.settings.class_symbol) in flow.values(node, scope)


def partial_of(flow: Flow, values: Values) -> Values:
    """What ``functools.partial`` makes of callables, where it is handed positional arguments."""
    found: set[Value] = set()
    for value in values:
        called = attribute_values(flow, value, "__call__") if isinstance(value, Instance) else frozenset({value})
        found |= {replace(v, given=True) if isinstance(v, FunctionRef) else v for v in called}
    return frozenset(found)
