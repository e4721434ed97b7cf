"""``asyncio.run(...)`` in what is a coroutine now: what it was handed is awaited in its place."""

from __future__ import annotations

import libcst as cst

from codemods.passes.base import Pass


class Bridges(Pass):
    """Writes calls that run a coroutine to its end as what they are handed, to be awaited."""

    name = "bridges"

    def leave_Call(self, original: cst.Call, updated: cst.BaseExpression) -> cst.BaseExpression:
        plan = self.plan.calls.get(self.context.range(original))
        if plan is None or not plan.bridge or not isinstance(updated, cst.Call):
            return updated
        self.context.done.add(("call", self.context.range(original)))
        inner = updated.args[0].value
        if isinstance(inner, cst.Name | cst.Attribute | cst.Call | cst.Subscript | cst.Await) or inner.lpar:
            return inner
        return inner.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
