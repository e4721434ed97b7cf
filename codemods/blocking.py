"""What holds up the event loop: calls that the rule table names, and bridges from plain code to a coroutine."""

from __future__ import annotations

import ast

from codemods.program.flow import Flow
from codemods.program.scopes import Scope
from codemods.program.values import External
from codemods.rules import BlockingRule


def blocking_rules(flow: Flow, call: ast.Call, scope: Scope) -> list[BlockingRule]:
    """The rules that name what ``call`` calls."""
    if not flow.rules.blocking:
        return []
    names = {v.name for v in flow.values(call.func, scope) if isinstance(v, External)}
    return [rule for rule in flow.rules.blocking if rule.call in names]


def is_bridge(flow: Flow, call: ast.Call, scope: Scope) -> bool:
    """Whether a call runs a coroutine to its end from code that is no coroutine, as ``asyncio.run(...)`` does."""
    if not call.args or isinstance(call.args[0], ast.Starred):
        return False
    values = flow.values(call.func, scope)
    if any(isinstance(v, External) and v.name == "asyncio.run" for v in values):
        return True
    method = isinstance(call.func, ast.Attribute) and call.func.attr == "run_until_complete"
    return method and all(isinstance(v, External) for v in values)


def blocks(flow: Flow, call: ast.Call, scope: Scope) -> bool:
    """Whether ``call`` holds up the loop, and has a form that does not."""
    return bool(blocking_rules(flow, call, scope)) or is_bridge(flow, call, scope)
