"""Calls of what users supply: settings where it takes them, awaited where it returns an awaitable."""

from __future__ import annotations

import libcst as cst

from codemods.passes.base import Pass, parse
from codemods.plan.model import SUPPLIED


class Supplied(Pass):
    """Writes calls of what a user supplies, which may be sync or async, as calls of the bound function."""

    name = "supplied"

    def leave_Call(self, original: cst.Call, updated: cst.BaseExpression) -> cst.BaseExpression:
        plan = self.plan.calls.get(self.context.range(original))
        if plan is None or plan.bind is None or not isinstance(updated, cst.Call):
            return updated
        if plan.helpers:
            package, _, module = SUPPLIED.rpartition(".")
            self.context.imports.add((package, module))
        else:
            self.context.imports |= {(SUPPLIED, "bind"), (SUPPLIED, "ready")}
        bound = cst.Call(parse(f"{plan.helpers}bind"), [cst.Arg(updated.func), cst.Arg(parse(plan.bind))])
        inner = updated.with_changes(func=bound, lpar=[], rpar=[])
        return cst.Call(parse(f"{plan.helpers}ready"), [cst.Arg(inner)], lpar=updated.lpar, rpar=updated.rpar)
