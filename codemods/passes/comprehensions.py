"""Loops over asynchronous generators, and generator expressions that wait, handed to what consumes them at once."""

from __future__ import annotations

import libcst as cst

from codemods.passes.base import Pass


class Comprehensions(Pass):
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
        return updated.with_changes(value=cst.ListComp(elt=value.elt, for_in=value.for_in))
