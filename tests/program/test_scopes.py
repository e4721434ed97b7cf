"""Which scopes a program has, and what is noted of each."""

from __future__ import annotations

import ast

from codemods.program import build_program
from codemods.program.scopes import Scope, scopes_of
from tests.support.conversion import dedent


def scopes(code: str) -> list[Scope]:
    return scopes_of(build_program({"dspy/a.py": dedent(code)}))


def test_modules_classes_functions_and_lambdas_are_scopes() -> None:
    found = scopes("class C:\n    def m(self): ...\nf = lambda: 1\n")
    assert [type(scope.node) for scope in found[:2]] == [ast.Module, ast.ClassDef]
    assert {type(scope.node) for scope in found[2:]} == {ast.FunctionDef, ast.Lambda}
    assert [scope.class_scope for scope in found] == [False, True, False, False]


def test_a_scope_has_its_own_calls_and_awaits_only() -> None:
    outer, inner = scopes("async def f():\n    await g()\n    def h():\n        k()\n")[1:]
    assert [ast.unparse(call) for call in outer.calls] == ["g()"]
    assert [ast.unparse(each) for each in outer.awaits] == ["await g()"]
    assert [ast.unparse(call) for call in inner.calls] == ["k()"]


def test_imports_inside_a_function_are_its_own() -> None:
    _, function = scopes("def f():\n    from json import loads\n")
    assert function.imports["loads"].module == "json"
