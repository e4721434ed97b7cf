"""What becomes of a call: awaited, handed settings, bound, or replaced."""

from __future__ import annotations

import ast

from codemods.blocking import blocking_rules, is_bridge
from codemods.coloring import CallSite
from codemods.coloring.calls import makes_partial
from codemods.handing import handed_out
from codemods.plan.context import Context
from codemods.plan.model import SUPPLIED, CallPlan
from codemods.plan.place import Place
from codemods.program import FunctionInfo
from codemods.program.build import dotted
from codemods.program.settings_parameters import SETTINGS
from codemods.program.values import ClassRef, Instance, Made
from codemods.suites import asynchronous_name


def call_plan(context: Context, node: ast.Call, place: Place) -> CallPlan:
    """What becomes of a call, its arguments planned already; an empty plan if it stays as it is."""
    site = context.sites.get(node)
    plan = CallPlan()
    waits = place.function is not None and context.coloring.is_coloured(place.function) and context.can_await(place)
    if waits and is_bridge(context.coloring.flow, node, place.scope):
        return CallPlan(bridge=True, awaited=node not in context.awaited)
    if site is None or site.plain or is_helper_call(context, node.func, "bind", place):
        return plan
    if makes_partial(context.coloring.flow, node, place.scope):
        _partial(context, node, place, plan)
        return plan
    coroutine = _waited_for(context, site, place)
    takes = [t for t in site.targets if context.coloring.takes_settings(t)]
    if site.relay is not None:
        _relayed(context, node, place, plan, site)
    elif site.made:
        _made(context, node, place, plan)
    elif site.supplied:
        _supplied(context, node, place, plan)
    elif coroutine or takes:
        _coloured(context, node, place, plan, coroutine, takes)
    else:
        _blocking(context, node, place, plan)
    return plan


def note_handed_out(context: Context, node: ast.Call, argument: ast.expr | ast.keyword, place: Place) -> None:
    """Note where a call hands a coroutine function to code that would not await it."""
    site = context.sites.get(node)
    if node in context.readied or (site is not None and site.relay is not None and context.can_await(place)):
        return
    for function in handed_out(context.coloring, node, argument, place.scope):
        text = f"{ast.unparse(node.func)}(...) is handed the coroutine function {function.symbol}"
        context.finding("handed-out", node, text)


def _waited_for(context: Context, site: CallSite, place: Place) -> list[FunctionInfo]:
    """The coroutine functions that a call may reach.

    Of a program's own that are apart from the library its author has decided where they are awaited; what becomes
    a coroutine function has to await them in place of who called it.
    """
    coloring, function = context.coloring, place.function
    becomes = function is not None and not function.is_async and coloring.is_coloured(function)
    return [t for t in site.targets if coloring.is_coroutine(t) and (becomes or not coloring.is_apart(t))]


def _relayed(context: Context, node: ast.Call, place: Place, plan: CallPlan, site: CallSite) -> None:
    coroutine = [t for t in site.targets if context.coloring.is_coroutine(t)]
    if not coroutine or site.relay is None or not context.can_await(place):
        return
    plan.relay = site.relay
    plan.awaited = node not in context.awaited
    if any(context.coloring.takes_settings(t) for t in site.targets):
        plan.settings, plan.index = _settings_here(context, node, place), site.relay + 1


def _made(context: Context, node: ast.Call, place: Place, plan: CallPlan) -> None:
    makers = context.coloring.flow.values(node.func, place.scope)
    if any(isinstance(v, Made) and v.settings for v in makers) and not _has_settings(context, node, place, 0):
        plan.settings = _settings_here(context, node, place)
    if node not in context.awaited:
        _await_here(context, node, place, plan)


def _supplied(context: Context, node: ast.Call, place: Place, plan: CallPlan) -> None:
    if place.function is None or not context.can_await(place):
        context.finding(
            "wall-coroutine",
            node,
            f"{ast.unparse(node.func)}(...) is the user's and may have to be awaited, here it cannot",
        )
        return
    plan.bind = _settings_here(context, node, place)
    plan.helpers = context.helpers
    plan.awaited = plan.bind is not None and node not in context.awaited


def _coloured(
    context: Context,
    node: ast.Call,
    place: Place,
    plan: CallPlan,
    coroutine: list[FunctionInfo],
    takes: list[FunctionInfo],
) -> None:
    before = context.coloring.settings_before.get(takes[0].symbol, ()) if takes else ()
    index = _index_of(before, takes[0]) if before else _settings_index(context, node, place, takes)
    waits = _is_waited_for(node, place, coroutine) and node not in context.awaited
    if waits and not context.can_await(place):
        _await_here(context, node, place, plan)
        if not context.file.own_package:
            # In a user's code it stays as it is written: half of it would only look done.
            return
    if takes and not _is_given(context, node) and not _has_settings(context, node, place, index):
        plan.settings = _settings_here(context, node, place)
        plan.index, plan.before = index, before
    if takes and place.clash and place.settings == SETTINGS:
        context.finding("settings-name", node, f"`settings` is something else at {ast.unparse(node)}")
    plan.awaited = waits and context.can_await(place)
    _renamed(context, node, takes or coroutine)


def _is_waited_for(node: ast.Call, place: Place, coroutine: list[FunctionInfo]) -> bool:
    """Whether what a call gives is awaited; what an asynchronous generator gives is gone through.

    Where upstream has both under one name, a coroutine function calls the asynchronous one, whatever its like in plain
    code has become.
    """
    gone_through = [target for target in coroutine if target.is_generator]
    if len(gone_through) == len(coroutine):
        return False
    calls_asynchronous = place.function is not None and place.function.is_async
    return not (calls_asynchronous and any(target.is_async for target in gone_through))


def _is_given(context: Context, node: ast.Call) -> bool:
    """Whether settings are among what is handed over already, by a partial or a wrapper's ``*args``."""
    return context.sites[node].given or context.sites[node].hands_on


def _renamed(context: Context, node: ast.Call, targets: list[FunctionInfo]) -> None:
    """A method that is called by another name now is, wherever it is called."""
    names = {asynchronous_name(context.coloring.program, target) for target in targets if not target.is_async}
    name = names.pop() if len(names) == 1 else None
    if context.suite is not None and name is not None and isinstance(node.func, ast.Attribute):
        context.file.renamed[context.range(node.func)] = f"{ast.unparse(node.func.value)}.{name}"


def _await_here(context: Context, node: ast.Call, place: Place, plan: CallPlan) -> None:
    plan.awaited = context.can_await(place)
    if not plan.awaited and not _is_said(context, node):
        message = f"{ast.unparse(node.func)}(...) is a coroutine, and cannot be awaited here"
        context.finding("wall-coroutine", node, message)


def _is_said(context: Context, node: ast.Call) -> bool:
    """Whether somebody is told already why nothing can wait in this line of a program."""
    if context.file.own_package:
        return False
    told = [*context.coloring.findings, *context.file.findings]
    place = context.module.path, context.module.position(node)[0]
    return any((f.path, f.line) == place and f.rule in ("wall-coroutine", "lambda") for f in told)


def _partial(context: Context, node: ast.Call, place: Place, plan: CallPlan) -> None:
    """Settings come before the positional arguments that a ``functools.partial`` holds."""
    functions = context.coloring.flow.functions(node.args[0], place.scope)
    if any(context.coloring.takes_settings(f) for f in functions) and not _has_settings(context, node, place, 1):
        plan.settings = _settings_here(context, node, place)
        plan.index = 1


def _settings_here(context: Context, node: ast.Call, place: Place) -> str | None:
    if place.settings is None:
        context.finding("global-settings", node, f"calls {ast.unparse(node.func)}(...) where no settings are in scope")
    return place.settings


def _has_settings(context: Context, node: ast.Call, place: Place, index: int) -> bool:
    """Whether a call hands settings on already, by name or as the positional argument of that index."""
    settings = Instance(context.coloring.rules.settings.class_symbol)
    if any(
        k.arg == "settings" and settings in context.coloring.flow.values(k.value, place.scope) for k in node.keywords
    ):
        return True
    if len(node.args) <= index or any(isinstance(a, ast.Starred) for a in node.args[: index + 1]):
        return False
    first = node.args[index]
    if isinstance(first, ast.Name | ast.Attribute) and dotted(first) == place.settings:
        return True
    return settings in context.coloring.flow.values(first, place.scope)


def _settings_index(context: Context, node: ast.Call, place: Place, targets: list[FunctionInfo]) -> int:
    """After an explicit ``self``: of a method that is called through its class, or of a function like one."""
    if targets and targets[0].has_receiver and not targets[0].is_method:
        return 1 if isinstance(node.func, ast.Name) or _hands_self(node) else 0
    if not isinstance(node.func, ast.Attribute) or not any(t.is_method and not t.is_classmethod for t in targets[:1]):
        return 0
    bases = context.coloring.flow.values(node.func.value, place.scope)
    return 1 if bases and all(isinstance(base, ClassRef) for base in bases) else 0


def _blocking(context: Context, node: ast.Call, place: Place, plan: CallPlan) -> None:
    if place.function is None or not context.coloring.is_coloured(place.function):
        return
    for rule in blocking_rules(context.coloring.flow, node, place.scope):
        context.file.matches.append(f"blocking:{rule.call}")
        plan.replacement, plan.to_thread, plan.awaited = rule.replacement, rule.to_thread, True


def is_helper_call(context: Context, node: ast.expr, name: str, place: Place) -> bool:
    """Whether ``node`` is ``bind(...)`` or ``ready(...)``, as in patched code."""
    if not isinstance(node, ast.Call):
        return False
    return any(f.symbol == f"{SUPPLIED}:{name}" for f in context.coloring.flow.functions(node.func, place.scope))


def _hands_self(node: ast.Call) -> bool:
    """Whether an object hands itself to a function that it keeps: ``self.function(self, ...)``."""
    return bool(node.args) and isinstance(node.args[0], ast.Name) and node.args[0].id == "self"


def _index_of(names: tuple[str, ...], function: FunctionInfo) -> int:
    """Where the first parameter of one of these names stands, ``self`` and settings aside."""
    parameters = [a.arg for a in function.arguments if a.arg != "settings"][1 if function.is_method else 0 :]
    return min((parameters.index(name) for name in names if name in parameters), default=len(parameters))
