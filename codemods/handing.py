"""Coroutine functions that go to code of another package, which would call them and await nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from codemods.coloring import Coloring
from codemods.coloring.calls import STARTING
from codemods.entries import KNOWN_DECORATORS
from codemods.program import FunctionInfo
from codemods.program.build import decorator_name, dotted
from codemods.program.names import resolve_dotted
from codemods.program.replacements import replacement_by_call
from codemods.program.scopes import Scope
from codemods.program.values import External, FunctionRef, Instance

_FUNCTIONS = (ast.Lambda, ast.Name, ast.Attribute)
"""Expressions that may be one."""
_LOOKS_AT_FUNCTIONS = frozenset(
    {"wraps", "partial", "iscoroutinefunction", *STARTING, "ready", "bind",
     "update_wrapper", "getattr", "setattr", "callable", "isinstance", "type", "id", "repr", "str", "MethodType",
     "append", "add", "hash", "hasattr", "print", "dict", "len", "vars", "cast", "getdoc", "getmodule", "unwrap",
     "get_type_hints", "signature", "getsource", "debug", "info", "warning", "format", "create_model",
     "staticmethod", "classmethod", "property"}
)  # fmt: skip
"""Callees that keep a function, or ask about it, and do not call it."""
_STANDS_IN = frozenset(
    {"patch", "object", "setitem", "Mock", "MagicMock", "AsyncMock", "NonCallableMock", "spy", "mock_open"}
)
"""What tests put in a function's place calls it as the function was called."""
_CALLS_AT_ONCE = frozenset({"map", "filter", "reduce", "starmap", "submit", "to_thread", "takewhile", "dropwhile"})
"""Callees that call their first argument, and use its value."""
_CALLED_KEYWORDS = frozenset({"key", "target", "default_factory"})
_CACHES = frozenset({"functools.lru_cache", "functools.cache"})


def handed_out(
    coloring: Coloring, call: ast.Call, argument: ast.expr | ast.keyword, scope: Scope
) -> Iterable[FunctionInfo]:
    """Coroutine functions that ``call`` hands to foreign code as ``argument``."""
    value = argument.value if isinstance(argument, ast.keyword) else argument
    name = (dotted(call.func) or (call.func.attr if isinstance(call.func, ast.Attribute) else "")).split(".")[-1]
    if not isinstance(value, _FUNCTIONS) or name in _LOOKS_AT_FUNCTIONS or name in _STANDS_IN:
        return
    if not _is_foreign(coloring, call, scope):
        return
    keyword = argument.arg if isinstance(argument, ast.keyword) else None
    called = keyword in _CALLED_KEYWORDS or (name in _CALLS_AT_ONCE and call.args[:1] == [value])
    for held in coloring.flow.values(value, scope):
        if isinstance(held, Instance) and called:
            held = next(iter(coloring.flow.attribute(held, "__call__")), held)
        function = coloring.program.functions[held.function] if isinstance(held, FunctionRef) else None
        if function is None or not coloring.is_coloured(function):
            continue
        # Foreign code that is handed a coroutine function by its author awaits it, but has no settings.
        if called or not function.is_async or coloring.takes_settings(function):
            yield function


def _is_foreign(coloring: Coloring, call: ast.Call, scope: Scope) -> bool:
    """Whether code of another package is called; a base class's constructor keeps what it is handed."""
    names = [v.name if isinstance(v, External) else "" for v in coloring.flow.values(call.func, scope)]
    if (isinstance(call.func, ast.Attribute) and call.func.attr == "__init__") or replacement_by_call(call) is not None:
        return False
    return bool(names) and all(names) and not any(name.startswith("inspect.") for name in names)


def foreign_decorators(coloring: Coloring, function: FunctionInfo) -> Iterable[str]:
    """Decorators of another package on what becomes a coroutine function."""
    if isinstance(function.node, ast.Lambda) or (function.is_async and not coloring.takes_settings(function)):
        return
    for decorator in function.node.decorator_list:
        name = decorator_name(decorator)
        target = resolve_dotted(coloring.program, function.module, name)
        if target is not None and target.external and target.module.split(".")[0] not in KNOWN_DECORATORS:
            yield name


def caches(coloring: Coloring, function: FunctionInfo) -> Iterable[str]:
    """Decorators that would keep the coroutine and not its result."""
    for decorator in function.decorators:
        target = resolve_dotted(coloring.program, function.module, decorator)
        if target is not None and target.external and target.dotted in _CACHES:
            yield decorator
