"""Branches of wrappers for plain functions: where code has asked ``iscoroutinefunction``, and was told no."""

from __future__ import annotations

import ast
from collections import defaultdict

from codemods.program import FunctionInfo, Program
from codemods.program.build import dotted, iter_own
from codemods.program.scopes import Scope
from codemods.syntax import walk


class PlainBranches:
    """Where ``iscoroutinefunction(fn)`` was asked and said no, ``fn`` is a plain callable."""

    def __init__(self, program: Program):
        self._plain: dict[str, set[str]] = defaultdict(set)
        for function in program.own_functions():
            for node in iter_own(function.node):
                if isinstance(node, ast.If):
                    self._learn(program, function, node)

    def _learn(self, program: Program, function: FunctionInfo, node: ast.If) -> None:
        tested = _tested_name(node.test)
        if tested is None:
            return
        statements = node.orelse or _after(function.node, node)
        for statement in statements:
            for child in walk(statement):
                if isinstance(child, ast.FunctionDef) and child in program.function_of:
                    self._plain[program.function_of[child].symbol].add(tested)
                elif isinstance(child, ast.Name) and child.id in function.nested:
                    nested = function.nested[child.id]
                    if not nested.is_async:
                        self._plain[nested.symbol].add(tested)

    def covers(self, node: ast.Call, scope: Scope) -> bool:
        """Whether a call is of a name that holds a plain callable where the call stands."""
        callee = node.func
        function = scope.function
        return (
            isinstance(callee, ast.Name) and function is not None and callee.id in self._plain.get(function.symbol, ())
        )


def _tested_name(test: ast.expr) -> str | None:
    if isinstance(test, ast.Call) and (dotted(test.func) or "").endswith("iscoroutinefunction") and test.args:
        return dotted(test.args[0])
    return None


def _after(function: ast.AST, statement: ast.If) -> list[ast.stmt]:
    """What follows an ``if`` whose body leaves the function."""
    if not statement.body or not isinstance(statement.body[-1], ast.Return | ast.Raise):
        return []
    body: list[ast.stmt] = [] if isinstance(function, ast.Lambda) else getattr(function, "body", [])
    if statement in body:
        return body[body.index(statement) + 1 :]
    return []
