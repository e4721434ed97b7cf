"""What becomes of definitions: coroutine functions, settings, tests, fixtures and cases of tests."""

from __future__ import annotations

import ast

from codemods.handing import caches, foreign_decorators
from codemods.plan.context import Context
from codemods.plan.model import ITERATORS, FunctionPlan
from codemods.plan.place import Place
from codemods.program import FunctionInfo
from codemods.program.build import dotted
from codemods.program.model import ClassInfo
from codemods.program.names import resolve_dotted
from codemods.program.settings_parameters import SETTINGS
from codemods.settings_names import binds_settings, holds_something_else, own_settings_name
from codemods.suites import FIXTURE, ISOLATED, Suite, asynchronous_name, is_run_by_a_case, plain_case

_ITERATOR_MODULES = frozenset({"typing", "collections.abc"})


def function_plan(context: Context, function: FunctionInfo) -> FunctionPlan | None:
    """What becomes of a definition; None if it stays as it is."""
    coroutine = context.coloring.is_coroutine(function)
    takes = context.coloring.takes_settings(function)
    has = _has_settings_parameter(context, function)
    plan = FunctionPlan(
        make_async=coroutine and not function.is_async,
        settings=takes and not has,
        receiver=function.has_receiver,
        before=context.coloring.settings_before.get(function.symbol, ()),
        settings_name=context.coloring.settings_name(function),
    )
    # Who is handed settings before other parameters is handed them by name.
    plan.positional_only = function.node.args.kwarg is not None and not plan.before
    plan.checked = context.file.own_package and plan.settings and not plan.before and _is_checked(context, function)
    plan.async_contextmanager = coroutine and "contextmanager" in {d.split(".")[-1] for d in function.decorators}
    if plan.make_async and function.is_generator:
        plan.iterator_module = _iterator_module(context, function)
    if plan.make_async and context.suite is not None:
        _plan_test(context, function, context.suite)
        plan.name = asynchronous_name(context.coloring.program, function)
    return plan if plan.make_async or plan.settings else None


def _has_settings_parameter(context: Context, function: FunctionInfo) -> bool:
    arguments = {argument.arg for argument in function.arguments}
    return context.coloring.settings_name(function) in arguments


def _plan_test(context: Context, function: FunctionInfo, suite: Suite) -> None:
    """What pytest has to know of a test, or of a fixture, that becomes a coroutine function."""
    marker, fixture = suite.marker(function), suite.fixture(function)
    if marker is not None:
        context.file.markers[function.position] = marker
    elif fixture is not None:
        context.file.fixtures[context.range(fixture)] = FIXTURE


def _iterator_module(context: Context, function: FunctionInfo) -> str | None:
    """Where the name of a generator's return annotation comes from, if it has an asynchronous like."""
    returns = None if isinstance(function.node, ast.Lambda) else function.node.returns
    name = dotted(returns.value) if isinstance(returns, ast.Subscript) else None
    target = resolve_dotted(context.coloring.program, function.module, name) if name is not None else None
    if target is None or not target.external or target.module not in _ITERATOR_MODULES:
        return None
    return target.module if target.name in ITERATORS else None


def _is_checked(context: Context, function: FunctionInfo) -> bool:
    """Public coroutines check that settings were given, unless a decorator does it for them."""
    parts = function.qualname.split(".")
    nested = function.parent is not None or (function.owner is not None and function.owner.scope is not None)
    private = nested or any(p.startswith("_") and p != "__call__" for p in parts)
    decorators = {resolve_dotted(context.coloring.program, function.module, d) for d in function.decorators}
    checking = {rule.symbol for rule in context.coloring.rules.decorator}
    by_decorator = any(t is not None and f"{t.module}:{t.name}" in checking for t in decorators)
    wrapped = function.is_contextmanager or function.is_generator or function.is_overload
    return context.coloring.is_coroutine(function) and not private and not by_decorator and not wrapped


def note_what_stands_around(context: Context, function: FunctionInfo) -> None:
    """What stands around a coroutine function and does not know that it is one."""
    if not context.coloring.is_coroutine(function):
        return
    for name in caches(context.coloring, function):
        context.finding("wall-coroutine", function.node, f"{name} keeps a coroutine of {function.symbol}")
    for name in foreign_decorators(context.coloring, function):
        context.finding("handed-out", function.node, f"@{name} is handed the coroutine function {function.symbol}")


def place_inside(context: Context, function: FunctionInfo, place: Place) -> Place:
    """What is in scope in a function's body, defined at ``place``."""
    has = _has_own_settings(context, function)
    settings = context.coloring.settings_name(function) if has else context.default
    if settings is context.default and function.parent is not None:
        settings = place.settings
    clash = holds_something_else(context.coloring.flow, function)
    return Place(settings, context.coloring.flow.scope_of[function.node], held=place.held, clash=clash)


def _has_own_settings(context: Context, function: FunctionInfo) -> bool:
    return context.coloring.takes_settings(function) or _has_settings_name(context, function)


def _has_settings_name(context: Context, function: FunctionInfo) -> bool:
    """Whether a function has settings under a name in the source."""
    if context.file.own_package:
        arguments = {argument.arg for argument in function.arguments}
        return SETTINGS in arguments or binds_settings(context.coloring.flow, function)
    return own_settings_name(context.coloring.flow, function) is not None


def plan_case(context: Context, cls: ClassInfo) -> None:
    """Tests of `unittest` that wait are run by a class that awaits them."""
    program = context.coloring.program
    base = plain_case(program, cls)
    methods = [method for each in (cls, *cls.descendants()) for method in each.methods.values()]
    if base is None or not any(context.coloring.is_coloured(m) and is_run_by_a_case(program, m) for m in methods):
        return
    module = base.value if isinstance(base, ast.Attribute) else None
    if module is None:
        context.file.imports.add(("unittest", ISOLATED))
    elif ast.unparse(module).endswith("case"):
        context.file.imports.add(("unittest", None))
    context.file.renamed[context.range(base)] = ISOLATED if module is None else f"unittest.{ISOLATED}"
