"""Calls of what users supply: settings where it takes them, awaited where it returns an awaitable."""

from __future__ import annotations

import libcst as cst

from codemods.passes.base import Pass, parse

_MODULE = "dspy.utils.supplied"


class Supplied(Pass):
    name = "supplied"

    def leave_Call(self, original: cst.Call, updated: cst.BaseExpression) -> cst.BaseExpression:
        plan = self.plan.calls.get(self.context.range(original))
        if plan is None or plan.bind is None or not isinstance(updated, cst.Call):
            return updated
        self.context.imports |= {(_MODULE, "bind"), (_MODULE, "ready")}
        bound = cst.Call(cst.Name("bind"), [cst.Arg(updated.func), cst.Arg(parse(plan.bind))])
        inner = updated.with_changes(func=bound, lpar=[], rpar=[])
        return cst.Call(cst.Name("ready"), [cst.Arg(inner)], lpar=updated.lpar, rpar=updated.rpar)
