"""What tests are handed by name or place: a test runner's fixtures, and the mocks of ``patch`` decorators."""

from __future__ import annotations

import ast
from collections import defaultdict
from typing import TYPE_CHECKING

from codemods.program.build import dotted
from codemods.program.model import FunctionInfo
from codemods.program.values import Stub

if TYPE_CHECKING:
    from codemods.program.flow import Flow


def fixtures_by_name(flow: Flow) -> dict[str, list[FunctionInfo]]:
    """Functions that a test runner hands over by name: those decorated as fixtures."""
    found: dict[str, list[FunctionInfo]] = defaultdict(list)
    for function in flow.program.own_functions():
        if any(d.split(".")[-1] == "fixture" for d in function.decorators):
            found[function.name].append(function)
    return found


def bind_fixtures(flow: Flow, function: FunctionInfo) -> None:
    """A test's or fixture's parameter holds what the fixture of its name returns or yields."""
    is_test = function.name.startswith("test_") and function.parent is None
    if not is_test and not any(d.split(".")[-1] == "fixture" for d in function.decorators):
        return
    for argument in function.arguments:
        candidates = flow.fixtures.get(argument.arg, [])
        near = [f for f in candidates if f.module is function.module] or candidates
        for fixture in near:
            values = flow.variables.held(("Y" if fixture.is_generator else "R", fixture.symbol))
            flow.variables.add(("L", function.symbol, argument.arg), values)


def bind_patches(flow: Flow, function: FunctionInfo) -> None:
    """Mocks that ``patch`` decorators hand over, the nearest first, where they are not told what to put there."""
    decorators = [] if isinstance(function.node, ast.Lambda) else function.node.decorator_list
    scope = flow.outer_scope(function)
    parameters = [a.arg for a in function.arguments[1 if function.is_method else 0 :]]
    for decorator in reversed(decorators):
        if not isinstance(decorator, ast.Call) or not parameters:
            continue
        stubs = frozenset(v for v in flow.values(decorator, scope) if isinstance(v, Stub))
        given = len(decorator.args) > (2 if (dotted(decorator.func) or "").endswith(".object") else 1)
        if stubs and not given and not any(k.arg == "new" for k in decorator.keywords):
            flow.variables.add(("L", function.symbol, parameters.pop(0)), stubs)
