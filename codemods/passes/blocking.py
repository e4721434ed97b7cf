"""Blocking calls in coroutines: an awaitable counterpart, or a worker thread."""

from __future__ import annotations

import libcst as cst

from codemods.passes.base import Pass, parse


class Blocking(Pass):
    """Writes calls that block as their asynchronous replacement, or hands them to a thread."""

    name = "blocking"

    def leave_Call(self, original: cst.Call, updated: cst.BaseExpression) -> cst.BaseExpression:
        plan = self.plan.calls.get(self.context.range(original))
        if plan is None or plan.replacement is None or not isinstance(updated, cst.Call):
            return updated
        self.context.imports.add(("asyncio", None))
        if not plan.to_thread:
            self.context.imports.add((plan.replacement.rpartition(".")[0], None))
            return updated.with_changes(func=parse(plan.replacement))
        arguments = [cst.Arg(updated.func, comma=cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))), *updated.args]
        if not updated.args:
            arguments = [cst.Arg(updated.func)]
        return updated.with_changes(func=parse("asyncio.to_thread"), args=arguments)
