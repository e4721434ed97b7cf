"""What is known before any code is looked at: parameters by their annotations, names by the rule table."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from codemods.program.annotations import annotated_values
from codemods.program.build import dotted, iter_own
from codemods.program.model import FunctionInfo, ModuleInfo
from codemods.program.names import may_name_class, resolve_global
from codemods.program.settings_parameters import SETTINGS
from codemods.program.values import (
    NOTHING,
    ClassRef,
    Container,
    Instance,
    Opaque,
    Plain,
    Supplied,
    Value,
    Values,
    Variable,
)
from codemods.syntax import walk

if TYPE_CHECKING:
    from codemods.program.flow import Flow


def seed_parameters(flow: Flow, function: FunctionInfo) -> None:
    """Let a function's parameters hold what their annotations promise, or what the rule table says of their names."""
    scope = flow.scope_of[function.node]
    for decorator in [] if isinstance(function.node, ast.Lambda) else function.node.decorator_list:
        if (
            isinstance(decorator, ast.Call)
            and (dotted(decorator.func) or "").split(".")[-1] == "wraps"
            and decorator.args
            and _is_wrapper(function, decorator.args[0])
        ):
            flow.wrapped[function.symbol] = (decorator.args[0], scope)
    arguments = function.node.args
    named = [*function.arguments, *arguments.kwonlyargs]
    required = function.arguments[: len(function.arguments) - len(arguments.defaults)]
    if function.is_method and function.arguments:
        assert function.owner is not None
        first: Value = ClassRef(function.owner.symbol) if function.is_classmethod else Instance(function.owner.symbol)
        flow.variables.add(("L", function.symbol, function.arguments[0].arg), frozenset({first}))
        named = named[1:]
    for argument in named:
        annotated = annotated_values(flow, argument.annotation, scope) if argument.annotation else NOTHING
        variable = ("L", function.symbol, argument.arg)
        named_here = scope.module.name in flow.speaking
        rule = flow.callable_rules.get((argument.arg, "parameter")) if named_here else None
        if rule is not None and not _is_known_type(annotated):
            flow.rule_matches[f"callable:{rule.label}"] += 1
            flow.variables.add(
                variable, frozenset({Supplied(argument.arg) if rule.kind == "supplied" else Plain(argument.arg)})
            )
        flow.variables.add(variable, annotated)
        if argument.arg == SETTINGS and _may_be_settings(flow, function, argument, argument in required):
            flow.variables.add(variable, frozenset({Instance(flow.rules.settings.class_symbol)}))
    for star in (arguments.vararg, arguments.kwarg):
        if star is not None:
            flow.variables.add(
                ("L", function.symbol, star.arg), frozenset({Container(f"{function.symbol}:{star.arg}")})
            )


def _may_be_settings(flow: Flow, function: FunctionInfo, argument: ast.arg, required: bool) -> bool:
    """Whether a parameter of that name is said to hold settings, or nothing is said and it is used like them."""
    if argument.annotation is None:
        return required and (flow.base is None or flow.settings_parameters.is_plain(function, argument))
    return may_name_class(flow.program, function.module, argument.annotation, flow.rules.settings.class_symbol)


def seed_unknown(flow: Flow) -> None:
    """Give variables that are still unknown, and named in the rule table, what their name stands for."""
    named = flow.name_rules.keys() | {name for name, _ in flow.callable_rules}
    for scope in flow.scopes:
        if scope.module.name not in flow.speaking:
            continue
        if scope.function is not None and not scope.class_scope:
            # A name that an import binds is what is imported, whatever it stands for elsewhere.
            for name in sorted((scope.function.locals & named) - scope.imports.keys()):
                _seed(flow, ("L", scope.function.symbol, name), name)
        if scope.function is None and not scope.class_scope and flow.base is not None:
            _seed_globals(flow, scope.module)
        for node in iter_own(scope.node):
            if (
                isinstance(node, ast.Attribute)
                and node.attr in named
                and isinstance(node.ctx, ast.Load)
                and not flow.values(node, scope) - {Opaque()}
            ):
                for base in flow.values(node.value, scope):
                    if isinstance(base, Instance):
                        _seed(flow, ("A", base.cls, node.attr), node.attr)


def modules_that_speak(flow: Flow) -> frozenset[str]:
    """Modules in which a name may stand for DSPy's objects: of a program, those that import it, or import such."""
    own = {module.name for module in flow.program.own_modules()}
    if flow.base is None:
        return frozenset(own)
    imported: dict[str, set[str]] = {name: set(flow.program.stars[name]) for name in own}
    for (module, _), (base, attribute) in flow.program.imports.items():
        if module in own:
            imported[module] |= {base, f"{base}.{attribute}"}
    for scope in flow.scopes:
        for target in scope.imports.values():
            imported[scope.module.name] |= {target.module, f"{target.module}.{target.name}"}
    roots = {name.split(".")[0] for name in flow.program.modules if name not in own}
    found = {name for name, others in imported.items() if any(other.split(".")[0] in roots for other in others)}
    while True:
        more = {name for name, others in imported.items() if others & found} - found
        if not more:
            return frozenset(found)
        found |= more


def _seed_globals(flow: Flow, module: ModuleInfo) -> None:
    """Names of a program's module, and those that nothing at hand binds, where they stand for DSPy's objects."""
    named = {n.id for n in walk(module.tree) if isinstance(n, ast.Name) and n.id in flow.name_rules}
    for name in sorted(named):
        target = resolve_global(flow.program, module.name, name)
        if target is None or (not target.external and target.name == name and target.module == module.name):
            _seed(flow, ("G", module.name, name), name)


def _seed(flow: Flow, variable: Variable, name: str) -> None:
    known = flow.variables.held(variable)
    if known - {Opaque()}:
        return
    place = "attribute" if variable[0] == "A" else "variable"
    if (name, place) in flow.callable_rules:
        rule = flow.callable_rules[name, place]
        flow.rule_matches[f"callable:{rule.label}"] += 1
        flow.variables.add(variable, frozenset({Supplied(name) if rule.kind == "supplied" else Plain(name)}))
    elif name in flow.name_rules and flow.name_rules[name].type in flow.program.classes:
        flow.rule_matches[f"name:{flow.name_rules[name].names[0]}"] += 1
        flow.variables.add(variable, frozenset({Instance(flow.name_rules[name].type)}))


def _is_wrapper(function: FunctionInfo, wrapped: ast.expr) -> bool:
    """Whether a function stands for what it wraps, and does not only borrow its name and docstring."""
    if function.node.args.vararg is not None:
        return True
    name = dotted(wrapped)
    nodes = [n for statement in getattr(function.node, "body", []) for n in walk(statement)]
    looked_at = {n.value for n in nodes if isinstance(n, ast.Attribute)}
    return any(isinstance(n, ast.Name | ast.Attribute) and dotted(n) == name and n not in looked_at for n in nodes)


def _is_known_type(values: Values) -> bool:
    """An annotation that names a type (a string, a model, ...) speaks louder than a name rule."""
    return bool(values) and not any(isinstance(value, Opaque) for value in values)
