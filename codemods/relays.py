"""Calls that hand a function to somebody who calls it in another thread: ``asyncio.to_thread(f, x)`` is ``f(x)``.

A coroutine function is called where it stands instead: a worker thread would only make the coroutine, and an event
loop that a thread hands a coroutine to is the one that the code runs on now.
"""

from __future__ import annotations

import ast

from codemods.program.flow import Flow
from codemods.program.scopes import Scope
from codemods.program.values import External

_FUNCTION_AT = {
    "asyncio.to_thread": 0,
    "anyio.to_thread.run_sync": 0,
    "anyio.from_thread.run": 0,
    "loop.run_in_executor": 1,
}
"""Where each is handed the function; what follows are its arguments."""


def relayed_at(flow: Flow, call: ast.Call, scope: Scope) -> int | None:
    """Where among the arguments of ``call`` the function stands that it calls; None of other calls.

    Only a program that uses the library is asked: the library's own threads are seen to by its patches.
    """
    if flow.base is None:
        return None
    names = {value.name for value in flow.values(call.func, scope) if isinstance(value, External)}
    if names and isinstance(call.func, ast.Attribute) and call.func.attr == "run_in_executor":
        # Of a loop, whatever that is called; the pool stands before the function.
        names = {"loop.run_in_executor"}
    found = {_FUNCTION_AT[name] for name in names if name in _FUNCTION_AT}
    if len(names) != 1 or not found:
        return None
    index = found.pop()
    head = call.args[: index + 1]
    return index if len(head) == index + 1 and not any(isinstance(a, ast.Starred) for a in head) else None
