"""What ``settings`` stands for in a function of a program, and what its settings are called where the name is taken.

A program may well have settings of its own. A function that gains DSPy's while it has, or reads, others under that name
is given them as ``dspy_settings``; the generated package knows them by the annotation.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from codemods.program import FunctionInfo, Program
from codemods.program.flow import Flow
from codemods.program.names import resolve_global
from codemods.program.settings_parameters import SETTINGS
from codemods.program.values import FunctionRef, Instance

TAKEN = "dspy_settings"
"""What settings are called where ``settings`` is something else."""


def settings_name(flow: Flow, function: FunctionInfo) -> str:
    """What the settings of a function are called: those it has, or those it is to be given."""
    if flow.base is None or not flow.program.owns(function.symbol):
        return SETTINGS
    return own_settings_name(flow, function) or _gained_name(flow, function)


def own_settings_name(flow: Flow, function: FunctionInfo) -> str | None:
    """The parameter or variable in which a function has settings in the source; None if it has none."""
    parameter = flow.settings_parameters.name(function)
    if parameter is not None:
        return parameter
    has = SETTINGS in _parameters(function) or binds_settings(flow, function)
    return SETTINGS if has and not holds_something_else(flow, function) else None


def binds_settings(flow: Flow, function: FunctionInfo) -> bool:
    """A function that makes a variable called ``settings`` of its own decides by itself what it hands on."""
    if SETTINGS not in function.locals or SETTINGS in _parameters(function):
        return False
    if SETTINGS in flow.scope_of[function.node].imports:
        return False
    return flow.base is None or not holds_something_else(flow, function)


def holds_something_else(flow: Flow, function: FunctionInfo) -> bool:
    """Whether ``settings`` is a name of the function's own, and nothing says that it holds settings."""
    if SETTINGS not in function.locals:
        return False
    imported = flow.scope_of[function.node].imports.get(SETTINGS)
    if imported is not None:
        return imported.external or f"{imported.module}:{imported.name}" != flow.rules.settings.object_symbol
    if flow.settings_parameters.name(function) == SETTINGS:
        return False
    if Instance(flow.rules.settings.class_symbol) in flow.held(("L", function.symbol, SETTINGS)):
        return False
    return flow.settings_parameters.shows_something_else(function) or not _is_handed_to_library(flow, function)


def _is_handed_to_library(flow: Flow, function: FunctionInfo) -> bool:
    """Whether the function hands the name to the library as one hands settings: before all other arguments."""
    scope = flow.scope_of[function.node]
    for call in scope.calls:
        first = call.args[0] if call.args else None
        if isinstance(first, ast.Name) and first.id == SETTINGS:
            values = flow.values(call.func, scope)
            if any(isinstance(v, FunctionRef | Instance) and not flow.is_own(v) for v in values):
                return True
    return False


def _parameters(function: FunctionInfo) -> set[str]:
    arguments = function.node.args
    return {argument.arg for argument in (*function.arguments, *arguments.kwonlyargs)}


def _gained_name(flow: Flow, function: FunctionInfo) -> str:
    if not _is_taken(flow, function):
        return SETTINGS
    used = {n.id for n in ast.walk(function.node) if isinstance(n, ast.Name)}
    used |= {n.arg for n in ast.walk(function.node) if isinstance(n, ast.arg)}
    name, number = TAKEN, 1
    while name in used:
        number += 1
        name = f"{TAKEN}_{number}"
    return name


def _is_taken(flow: Flow, function: FunctionInfo) -> bool:
    """Whether the function, or one inside of it, has or reads something else under the name ``settings``."""
    if holds_something_else(flow, function):
        return True
    nested = list(_nested(flow.program, function))
    if any(holds_something_else(flow, each) for each in nested):
        return True
    if any(SETTINGS in each.locals for each in (function, *nested)):
        return False
    return _reads(function) and not _is_settings_global(flow, function)


def _nested(program: Program, function: FunctionInfo) -> Iterator[FunctionInfo]:
    for node in ast.walk(function.node):
        if node is not function.node and node in program.function_of:
            yield program.function_of[node]


def _reads(function: FunctionInfo) -> bool:
    return any(isinstance(n, ast.Name) and n.id == SETTINGS for n in ast.walk(function.node))


def _is_settings_global(flow: Flow, function: FunctionInfo) -> bool:
    """Whether what is called ``settings`` around a function is the library's object."""
    outer = function.parent
    while outer is not None:
        if SETTINGS in outer.locals:
            return not holds_something_else(flow, outer)
        outer = outer.parent
    target = resolve_global(flow.program, function.module.name, SETTINGS)
    if target is None:
        return False
    return not target.external and f"{target.module}:{target.name}" == flow.rules.settings.object_symbol
