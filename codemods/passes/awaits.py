"""Calls of coroutines are awaited, in parentheses only where the grammar needs them."""

from __future__ import annotations

import libcst as cst

from codemods.passes.base import Pass


class Awaits(Pass):
    """Puts ``await`` before calls, and takes away those of names that hold what was awaited."""

    name = "awaits"

    def leave_Call(self, original: cst.Call, updated: cst.BaseExpression) -> cst.BaseExpression:
        if isinstance(updated, cst.Call):
            updated = updated.with_changes(func=_parenthesized(updated.func))
        plan = self.plan.calls.get(self.context.range(original))
        return cst.Await(updated) if plan is not None and plan.awaited else updated

    def leave_Await(self, original: cst.Await, updated: cst.Await) -> cst.BaseExpression:
        place = self.context.range(original)
        if place not in self.plan.bare_awaits:
            return updated.with_changes(expression=_parenthesized(updated.expression))
        self.context.done.add(("bare await", place))
        return updated.expression

    def leave_Attribute(self, original: cst.Attribute, updated: cst.BaseExpression) -> cst.BaseExpression:
        if isinstance(updated, cst.Attribute):
            return updated.with_changes(value=_parenthesized(updated.value))
        return updated

    def leave_Subscript(self, original: cst.Subscript, updated: cst.Subscript) -> cst.Subscript:
        return updated.with_changes(value=_parenthesized(updated.value))


def _parenthesized(node: cst.BaseExpression) -> cst.BaseExpression:
    if not isinstance(node, cst.Await) or node.lpar:
        return node
    inner = node.expression
    if inner.lpar:
        # The pair that is there will do.
        bare = inner.with_changes(lpar=[], rpar=[])
        return node.with_changes(expression=bare, lpar=inner.lpar, rpar=inner.rpar)
    return node.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
