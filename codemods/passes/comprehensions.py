"""Loops over asynchronous generators, and generator expressions that wait, handed to what consumes them at once."""

from __future__ import annotations

import libcst as cst

from codemods.passes.base import Pass


class Comprehensions(Pass):
    """Makes loops and comprehensions asynchronous, and lists of what has to be drawn first."""

    name = "comprehensions and generators"

    def leave_For(self, original: cst.For, updated: cst.For) -> cst.For:
        return updated.with_changes(asynchronous=cst.Asynchronous()) if self._iterates(original.iter) else updated

    def leave_CompFor(self, original: cst.CompFor, updated: cst.CompFor) -> cst.CompFor:
        return updated.with_changes(asynchronous=cst.Asynchronous()) if self._iterates(original.iter) else updated

    def _iterates(self, node: cst.BaseExpression) -> bool:
        place = self.context.range(node)
        if place not in self.plan.iterations:
            return False
        self.context.done.add(("iteration", place))
        return True

    def leave_Arg(self, original: cst.Arg, updated: cst.Arg) -> cst.Arg:
        """A generator expression that waits is an asynchronous one: ``sum`` and the like need a list."""
        value, before = updated.value, original.value
        if not isinstance(value, cst.GeneratorExp):
            return updated
        assert isinstance(before, cst.GeneratorExp)
        place = self.context.range(before.elt)
        if place not in self.plan.to_list:
            return updated
        self.context.done.add(("list", place))
        made = cst.ListComp(elt=value.elt, for_in=value.for_in)
        if value.lpar:
            made = _spaced(made, value.lpar[-1].whitespace_after, value.rpar[0].whitespace_before)
        return updated.with_changes(value=made)

    def leave_Call(self, original: cst.Call, updated: cst.Call) -> cst.Call:
        """A generator expression that shares the call's parentheses leaves its blanks and lines to the list's."""
        before = original.args[0].value if len(original.args) == 1 else None
        made = updated.args[0].value if updated.args else None
        if not isinstance(before, cst.GeneratorExp) or before.lpar or not isinstance(made, cst.ListComp):
            return updated
        inner = _spaced(made, updated.whitespace_before_args, updated.args[0].whitespace_after_arg)
        nothing = cst.SimpleWhitespace("")
        argument = updated.args[0].with_changes(value=inner, whitespace_after_arg=nothing)
        return updated.with_changes(args=[argument], whitespace_before_args=nothing)


def _spaced(
    node: cst.ListComp, before: cst.BaseParenthesizableWhitespace, after: cst.BaseParenthesizableWhitespace
) -> cst.ListComp:
    return node.with_changes(
        lbracket=cst.LeftSquareBracket(whitespace_after=before),
        rbracket=cst.RightSquareBracket(whitespace_before=after),
    )
