"""What expressions of a sample hold: `probe(x)` is asked for the values of its argument."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from codemods.program import build_program
from codemods.program.flow import Flow
from codemods.program.values import (
    ClassRef,
    Container,
    External,
    FunctionRef,
    Instance,
    ModuleRef,
    Opaque,
    Plain,
    SuperRef,
    Supplied,
    Value,
)
from tests.support.conversion import toy_files, toy_rules


def held(code: str, files: Mapping[str, str] | None = None) -> set[str]:
    """What the arguments of all calls of `probe` hold, in short: `Ask()` is an object, `Ask` the class."""
    sources = toy_files(code, files)
    flow = Flow(build_program(sources), toy_rules())
    flow.solve()
    return {
        short(value)
        for scope in flow.scopes
        for call in scope.calls
        if isinstance(call.func, ast.Name) and call.func.id == "probe"
        for value in flow.values(call.args[0], scope)
    }


def short(value: Value) -> str:
    """A value as tests write it."""
    match value:
        case Instance(cls):
            return f"{cls.rpartition(':')[2]}()"
        case ClassRef(cls) | SuperRef(cls):
            return f"{'super of ' if isinstance(value, SuperRef) else ''}{cls.rpartition(':')[2]}"
        case FunctionRef(function):
            return f"def {function.rpartition(':')[2]}"
        case ModuleRef(name):
            return f"module {name}"
        case External(name):
            return name
        case Supplied(name) | Plain(name):
            return f"{type(value).__name__.lower()} {name}"
        case Container():
            return "[]"
        case Opaque():
            return "callable"
