"""Functions of a user's program that somebody else calls, who hands over no settings: test runners and frameworks."""

from __future__ import annotations

import ast
from fnmatch import fnmatchcase

from codemods.program import FunctionInfo, ModuleInfo, Program
from codemods.program.build import dotted
from codemods.program.flow import Flow
from codemods.program.names import resolve_global
from codemods.program.values import External
from codemods.rules import Rules
from codemods.suites import is_run_by_a_case

KNOWN_DECORATORS = frozenset({"functools", "typing", "typing_extensions", "abc", "contextlib", "pytest", "unittest",
                              "builtins", "tenacity", "backoff", "anyio", "mock", "asyncio"})  # fmt: skip
"""Packages whose decorators keep the function what it is, take coroutine functions, or are seen to elsewhere."""


def is_entry(rules: Rules, program: Program, function: FunctionInfo) -> bool:
    """Whether a rule says of a function that it is called without settings."""
    if program.own is None or function.parent is not None:
        return False
    if is_run_by_a_case(program, function):
        return True
    for rule in rules.entry:
        if any(fnmatchcase(function.name, pattern) for pattern in rule.names):
            return True
        if any(d.split(".")[-1] in rule.decorators for d in function.decorators):
            return True
    return False


def is_not_awaited(flow: Flow, function: FunctionInfo) -> bool:
    """Whether a rule says of a program's function that who calls it would not await it."""
    if flow.base is None or function.parent is not None or isinstance(function.node, ast.Lambda):
        return False
    for rule in flow.rules.entry:
        if rule.awaited:
            continue
        if any(fnmatchcase(function.name, pattern) for pattern in rule.names):
            return True
        if rule.packages and any(_package(flow, function.module, d, ()) in rule.packages for d in function.decorators):
            return True
    return False


def _package(flow: Flow, module: ModuleInfo, name: str, seen: tuple[str, ...]) -> str | None:
    """The package that a decorator is of: imported from it, or a method of what is made or decorated by it."""
    target = resolve_global(flow.program, module.name, name.split(".")[0])
    if target is None or name in seen:
        return None
    if target.external:
        return target.dotted.split(".")[0]
    holder = flow.program.modules.get(target.module)
    decorated = flow.program.functions.get(f"{target.module}:{target.name}")
    if decorated is not None:
        found = (_package(flow, decorated.module, d, (*seen, name)) for d in decorated.decorators)
        return next((package for package in found if package is not None), None)
    for statement in holder.tree.body if holder is not None and flow.program.owns(holder.name) else ():
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        if any(isinstance(each, ast.Name) and each.id == target.name for each in targets):
            assert isinstance(statement, ast.Assign) and holder is not None
            made = statement.value.func if isinstance(statement.value, ast.Call) else None
            return _package(flow, holder, dotted(made) or "", (*seen, name)) if made is not None else None
    return None


def is_registered(flow: Flow, function: FunctionInfo) -> bool:
    """Whether a decorator hands a function to a framework, as ``@app.get("/")`` does."""
    if isinstance(function.node, ast.Lambda):
        return False
    scope = flow.scope_of[function.parent.node if function.parent is not None else function.module.tree]
    for decorator in function.node.decorator_list:
        made = decorator.func if isinstance(decorator, ast.Call) else decorator
        values = flow.values(made, scope)
        if values and all(isinstance(v, External) and _is_of_a_framework(v) for v in values):
            return True
    return False


def _is_of_a_framework(value: External) -> bool:
    """An object that another package made, such as an application, or one of a package not known for else."""
    return value.is_object or value.name.split(".")[0] not in KNOWN_DECORATORS
