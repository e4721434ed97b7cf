"""Functions of a user's program that somebody else calls, who hands over no settings: test runners and frameworks."""

from __future__ import annotations

import ast
from fnmatch import fnmatchcase

from codemods.program import FunctionInfo, Program
from codemods.program.flow import Flow
from codemods.program.values import External
from codemods.rules import Rules

KNOWN_DECORATORS = frozenset({"functools", "typing", "typing_extensions", "abc", "contextlib", "pytest", "unittest",
                              "builtins", "tenacity", "backoff", "anyio", "mock", "asyncio"})  # fmt: skip
"""Packages whose decorators keep the function what it is, take coroutine functions, or are seen to elsewhere."""


def is_entry(rules: Rules, program: Program, function: FunctionInfo) -> bool:
    """Whether a rule says of a function that it is called without settings."""
    if program.own is None or function.parent is not None:
        return False
    for rule in rules.entry:
        if any(fnmatchcase(function.name, pattern) for pattern in rule.names):
            return True
        if any(d.split(".")[-1] in rule.decorators for d in function.decorators):
            return True
    return False


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
