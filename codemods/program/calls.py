"""What a call gives: of functions, classes, callable objects, and of other packages' functions that are known."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from codemods.program.annotations import annotated_values
from codemods.program.arguments import bind_method, partial_of
from codemods.program.attributes import attribute_values
from codemods.program.build import iter_own
from codemods.program.containers import container_method, drawn_container, element_values, made_container, tuples
from codemods.program.model import ClassInfo, FunctionInfo
from codemods.program.returns import returned_values
from codemods.program.scopes import Scope
from codemods.program.values import (
    NOTHING,
    OBJECT,
    ClassRef,
    Container,
    External,
    FunctionRef,
    Instance,
    Made,
    Stub,
    SuperRef,
    Value,
    Values,
)

if TYPE_CHECKING:
    from codemods.program.flow import Flow


_STUB_MAKERS = frozenset(
    f"unittest.mock.{name}" for name in ("Mock", "MagicMock", "AsyncMock", "patch", "patch.object")
)
_SAME_ELEMENTS = frozenset(
    {"list", "sorted", "reversed", "set", "tuple", "iter", "frozenset", "tqdm", "shuffle", "chain"}
)
_SAME_VALUE = frozenset({"copy", "deepcopy", "cast", "next"})
_PICKLES = frozenset(
    f"{module}.{function}" for module in ("pickle", "cloudpickle", "dill") for function in ("dumps", "loads")
)
"""What was pickled stands for what it was."""
_EMPTY_CONTAINERS = frozenset(
    {
        "builtins.list", "builtins.dict", "builtins.set", "collections.defaultdict", "collections.OrderedDict",
        "collections.deque",
    }
)  # fmt: skip


def call_values(flow: Flow, node: ast.Call, scope: Scope) -> Values:
    """What a call may give, once awaited."""
    if isinstance(node.func, ast.Name) and node.func.id == "super":
        owner = _enclosing_class(scope)
        return frozenset({SuperRef(owner.symbol)}) if owner else NOTHING
    if isinstance(node.func, ast.Attribute) and node.func.attr == "__new__" and node.args:
        made = {Instance(v.cls) for v in flow.values(node.args[0], scope) if isinstance(v, ClassRef)}
        return frozenset(made) or frozenset({OBJECT})
    found: set[Value] = set()
    if isinstance(node.func, ast.Attribute) and node.func.attr in flow.returns_receiver:
        found |= {v for v in flow.values(node.func.value, scope) if isinstance(v, Instance)}
        if found:
            _count_received(flow, node, node.func.attr)
            return frozenset(found)
    for callee in flow.values(node.func, scope):
        found |= _called(flow, callee, node, scope)
    if isinstance(node.func, ast.Attribute):
        found |= container_method(flow, node, node.func, scope)
    return frozenset(found)


def _count_received(flow: Flow, node: ast.Call, name: str) -> None:
    """A call is asked for its values many times, and is one match."""
    if node not in flow.received:
        flow.received.add(node)
        flow.rule_matches[f"returns_receiver:{flow.returns_receiver[name].names[0]}"] += 1


def _enclosing_class(scope: Scope) -> ClassInfo | None:
    function = scope.function
    while function is not None:
        if function.owner is not None:
            return function.owner
        function = function.parent
    return None


def _called(flow: Flow, callee: Value, node: ast.Call, scope: Scope) -> Values:
    if isinstance(callee, ClassRef):
        return frozenset({Instance(callee.cls)})
    if isinstance(callee, FunctionRef) and callee.function in flow.makers:
        return frozenset({Made(callee.function, flow.makers[callee.function])})
    if isinstance(callee, FunctionRef) and flow.base is not None:
        wrapped = _wrapped_argument(flow, flow.program.functions[callee.function], node)
        if wrapped is not None:
            return flow.values(wrapped, scope)
    if isinstance(callee, FunctionRef):
        return returned_values(flow, flow.program.functions[callee.function])
    if isinstance(callee, Instance):
        method = flow.program.classes[callee.cls].find_method("__call__")
        return returned_values(flow, method) if method is not None else NOTHING
    if isinstance(callee, External):
        return _external_call(flow, callee, node, scope)
    return frozenset({OBJECT}) if isinstance(callee, Stub) else NOTHING


def _wrapped_argument(flow: Flow, decorator: FunctionInfo, call: ast.Call) -> ast.expr | None:
    """What a decorator of the library is handed, where it gives back a wrapper of that."""
    returned = {
        n.value.id for n in iter_own(decorator.node) if isinstance(n, ast.Return) and isinstance(n.value, ast.Name)
    }
    names = [argument.arg for argument in decorator.arguments]
    for name in sorted(returned & set(decorator.nested)):
        wrapped, _ = flow.wrapped.get(decorator.nested[name].symbol, (None, None))
        if isinstance(wrapped, ast.Name) and wrapped.id in names[: len(call.args)]:
            return call.args[names.index(wrapped.id)]
    return None


def _external_call(flow: Flow, callee: External, node: ast.Call, scope: Scope) -> Values:
    last = callee.name.split(".")[-1]
    if callee.name in _STUB_MAKERS:
        return _stub(flow, node, scope)
    arguments = [flow.values(a, scope) for a in node.args if not isinstance(a, ast.Starred)]
    if last == "MethodType" and len(arguments) == 2:
        bind_method(flow, arguments[0], arguments[1])
    if (
        last in ("partial", "MethodType", "wraps", "update_wrapper", "asyncify", "staticmethod", "classmethod")
        and arguments
    ):
        return partial_of(flow, arguments[0]) if last == "partial" and len(arguments) > 1 else arguments[0]
    if last == "cast" and len(node.args) == 2:
        return annotated_values(flow, node.args[0], scope) | arguments[1]
    if (
        (last in _SAME_VALUE or callee.name in _PICKLES)
        and arguments
        and any(not isinstance(v, External) for v in arguments[0])
    ):
        return element_values(flow, arguments[0]) if last == "next" else arguments[0]
    if last in _SAME_ELEMENTS and arguments and any(isinstance(v, Container) for v in arguments[0]):
        return frozenset(drawn_container(flow, v) for v in arguments[0] if isinstance(v, Container))
    if callee.name in _EMPTY_CONTAINERS:
        return made_container(flow, node, scope, arguments)
    if last == "enumerate" and arguments:
        return tuples(flow, node, scope, [frozenset({OBJECT}), element_values(flow, arguments[0])])
    if last == "zip":
        return tuples(flow, node, scope, [element_values(flow, a) for a in arguments])
    if last in ("min", "max", "choice") and arguments:
        return element_values(flow, arguments[0])
    if callee.name == "builtins.type" and len(arguments) == 1:
        return frozenset({ClassRef(v.cls) for v in arguments[0] if isinstance(v, Instance)})
    if callee.name == "builtins.getattr" and len(node.args) >= 2:
        return _getattr(flow, node, arguments[0])
    return frozenset({callee.called()})


def _stub(flow: Flow, node: ast.Call, scope: Scope) -> Values:
    site = f"{scope.module.path}:{node.lineno}:{node.col_offset}:stub"
    flow.stubs[site] = node, scope
    for keyword in node.keywords:
        if keyword.arg is not None:
            flow.variables.add(("S", site, keyword.arg), flow.values(keyword.value, scope))
    return frozenset({Stub(site)})


def _getattr(flow: Flow, node: ast.Call, bases: Values) -> Values:
    name = node.args[1]
    if isinstance(name, ast.Constant) and isinstance(name.value, str):
        return frozenset(v for base in bases for v in attribute_values(flow, base, name.value))
    return NOTHING
