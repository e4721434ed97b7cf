"""``asyncio.to_thread(f, x)`` of what is a coroutine function now: it is called where it stands."""

from __future__ import annotations

import libcst as cst

from codemods.passes.base import Pass


class Relays(Pass):
    """Writes calls that have a thread call a function as calls of the function."""

    name = "relays"

    def leave_Call(self, original: cst.Call, updated: cst.BaseExpression) -> cst.BaseExpression:
        plan = self.plan.calls.get(self.context.range(original))
        if plan is None or plan.relay is None or not isinstance(updated, cst.Call):
            return updated
        self.context.done.add(("call", self.context.range(original)))
        function = updated.args[plan.relay].value
        arguments = list(updated.args[plan.relay + 1 :])
        if not isinstance(function, cst.Name | cst.Attribute | cst.Call | cst.Subscript) and not function.lpar:
            function = function.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        return updated.with_changes(func=function, args=arguments)
