"""``any``, ``all`` and ``next`` of a generator expression that waits ask an asynchronous one for its first item.

What comes behind the first hit is evaluated as little as before: ``any(f(x) for x in xs)`` is
``await anext((True for x in xs if await f(x)), False)``.
"""

from __future__ import annotations

import libcst as cst

from codemods.passes.base import Pass

_LOOSE = (cst.BooleanOperation, cst.IfExp, cst.Lambda, cst.NamedExpr)
"""Expressions that bind looser than ``not``."""


class Searches(Pass):
    """Writes ``any``, ``all`` and ``next`` of what waits so that they draw no more than they need."""

    name = "searches"

    def leave_Call(self, original: cst.Call, updated: cst.BaseExpression) -> cst.BaseExpression:
        plan = self.plan.calls.get(self.context.range(original))
        if plan is None or plan.search is None:
            return updated
        assert isinstance(updated, cst.Call)
        self.context.done.add(("call", self.context.range(original)))
        generator, *default = updated.args
        assert isinstance(generator.value, cst.GeneratorExp)
        found = cst.Name("anext")
        if plan.search == "next":
            return updated.with_changes(func=found)
        hit = plan.search == "any"
        default = [cst.Arg(cst.Name(str(not hit)))]
        return updated.with_changes(func=found, args=[cst.Arg(_of_hits(generator.value, hit)), *default])


def _of_hits(node: cst.GeneratorExp, hit: bool) -> cst.GeneratorExp:
    """A generator that yields ``hit`` for each element that is as true as ``hit``."""
    condition = _enclosed(node.elt)
    if not hit:
        condition = cst.UnaryOperation(cst.Not(), condition)
    parentheses = {} if node.lpar else {"lpar": [cst.LeftParen()], "rpar": [cst.RightParen()]}
    return node.with_changes(elt=cst.Name(str(hit)), for_in=_with_condition(node.for_in, condition), **parentheses)


def _with_condition(loop: cst.CompFor, condition: cst.BaseExpression) -> cst.CompFor:
    """The loops with one condition more, behind all others."""
    if loop.inner_for_in is not None:
        return loop.with_changes(inner_for_in=_with_condition(loop.inner_for_in, condition))
    return loop.with_changes(ifs=[*loop.ifs, cst.CompIf(condition)])


def _enclosed(node: cst.BaseExpression) -> cst.BaseExpression:
    if isinstance(node, _LOOSE) and not node.lpar:
        return node.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    return node
