"""Functions that a program's threads run, each with an event loop of its own: they stay plain."""

from __future__ import annotations

import ast

from codemods.blocking import is_bridge
from codemods.program.flow import Flow
from codemods.program.scopes import Scope
from codemods.program.values import External, FunctionRef, Values

THREADS = frozenset({"threading.Thread", "threading.Timer"})
_TARGETS = frozenset({"target", "function"})
_TARGET_AT = 1
"""Where `Thread` is handed its target, and `Timer` its function."""


def loops_of_threads(flow: Flow) -> frozenset[str]:
    """Symbols of a program's functions that a thread starts, nobody else calls, and that run an event loop.

    Such a function waits by itself, off the loop of who started the thread, who would not await it.
    """
    if flow.base is None:
        return frozenset()
    started = {v for scope in flow.scopes for call in scope.calls for v in _started(flow, call, scope)}
    found = {v.function for v in started if isinstance(v, FunctionRef) and flow.is_own(v)}
    found = {symbol for symbol in found if _runs_a_loop(flow, symbol)}
    if not found:
        return frozenset()
    called = {v for scope in flow.scopes for call in scope.calls for v in flow.values(call.func, scope)}
    return frozenset(found - {v.function for v in called if isinstance(v, FunctionRef)})


def thread_target(call: ast.Call) -> ast.expr | None:
    """What a call of `Thread` or `Timer` is handed to run."""
    named = [keyword.value for keyword in call.keywords if keyword.arg in _TARGETS]
    if named:
        return named[0]
    head = call.args[: _TARGET_AT + 1]
    return head[_TARGET_AT] if len(head) > _TARGET_AT and not any(isinstance(a, ast.Starred) for a in head) else None


def makes_thread(flow: Flow, call: ast.Call, scope: Scope, names: frozenset[str] = THREADS) -> bool:
    """Whether a call makes a thread."""
    return any(isinstance(v, External) and v.name in names for v in flow.values(call.func, scope))


def _started(flow: Flow, call: ast.Call, scope: Scope) -> Values:
    if not makes_thread(flow, call, scope):
        return frozenset()
    target = thread_target(call)
    return flow.values(target, scope) if target is not None else frozenset()


def _runs_a_loop(flow: Flow, symbol: str) -> bool:
    scope = flow.scope_of[flow.program.functions[symbol].node]
    return any(is_bridge(flow, call, scope) for call in scope.calls)
