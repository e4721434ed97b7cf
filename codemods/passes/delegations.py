"""``yield from`` in what becomes an asynchronous generator, which has none: a loop that yields."""

from __future__ import annotations

import libcst as cst

from codemods.passes.base import Pass


class Delegations(Pass):
    """Writes ``yield from`` of an asynchronous generator as a loop."""

    name = "delegations"

    def leave_SimpleStatementLine(
        self, original: cst.SimpleStatementLine, updated: cst.BaseStatement | cst.FlattenSentinel[cst.BaseStatement]
    ) -> cst.BaseStatement | cst.FlattenSentinel[cst.BaseStatement]:
        if not isinstance(updated, cst.SimpleStatementLine) or not any(map(self._place, original.body)):
            return updated
        made = [self._statement(old, new) for old, new in zip(original.body, updated.body, strict=True)]
        made[0] = made[0].with_changes(leading_lines=updated.leading_lines)
        first = made[0]
        if len(made) == 1 and isinstance(first, cst.For):
            made[0] = first.with_changes(body=first.body.with_changes(header=updated.trailing_whitespace))
        return cst.FlattenSentinel(made)

    def leave_SimpleStatementSuite(self, original: cst.SimpleStatementSuite, updated: cst.BaseSuite) -> cst.BaseSuite:
        """A suite on the line of its ``if`` or ``def`` gets lines of its own, to hold the loop."""
        if not isinstance(updated, cst.SimpleStatementSuite) or not any(map(self._place, original.body)):
            return updated
        made = [self._statement(old, new) for old, new in zip(original.body, updated.body, strict=True)]
        return cst.IndentedBlock(made)

    def _statement(
        self, original: cst.BaseSmallStatement, updated: cst.BaseSmallStatement
    ) -> cst.SimpleStatementLine | cst.For:
        place = self._place(original)
        if place is None or not isinstance(updated, cst.Expr) or not isinstance(updated.value, cst.Yield):
            return cst.SimpleStatementLine([updated.with_changes(semicolon=cst.MaybeSentinel.DEFAULT)])
        self.context.done.add(("yield from", place))
        delegated = updated.value.value
        assert isinstance(delegated, cst.From)
        name = cst.Name(self.plan.delegations[place])
        body = cst.IndentedBlock([cst.SimpleStatementLine([cst.Expr(cst.Yield(name))])])
        asynchronous = self._is_asynchronous(original)
        return cst.For(name, delegated.item, body, asynchronous=cst.Asynchronous() if asynchronous else None)

    def _place(self, node: cst.BaseSmallStatement) -> tuple[int, int, int, int] | None:
        if not isinstance(node, cst.Expr) or not isinstance(node.value, cst.Yield):
            return None
        place = self.context.range(node.value)
        return place if place in self.plan.delegations else None

    def _is_asynchronous(self, node: cst.BaseSmallStatement) -> bool:
        assert isinstance(node, cst.Expr) and isinstance(node.value, cst.Yield)
        assert isinstance(node.value.value, cst.From)
        place = self.context.range(node.value.value.item)
        if place not in self.plan.iterations:
            return False
        self.context.done.add(("iteration", place))
        return True
