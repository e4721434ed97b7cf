"""Mocks of coroutines: what makes them, what they return unless told, which of their arguments is which."""

from __future__ import annotations

import libcst as cst

from codemods.passes.base import Pass, parse
from codemods.passes.settings_arguments import insert_argument


class Mocks(Pass):
    """Changes calls that make or ask mocks, where what they stand for is awaited."""

    name = "mocks"

    def leave_Call(self, original: cst.Call, updated: cst.BaseExpression) -> cst.BaseExpression:
        plan = self.plan.calls.get(self.context.range(original))
        if plan is None or not isinstance(updated, cst.Call):
            return updated
        if plan.callee is not None:
            updated = updated.with_changes(func=parse(plan.callee))
        if plan.renamed_keywords:
            updated = updated.with_changes(args=[_renamed(a, dict(plan.renamed_keywords)) for a in updated.args])
        for name, value in plan.keywords:
            arguments = insert_argument(updated, len(updated.args), value)
            equal = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
            arguments[-1] = arguments[-1].with_changes(keyword=cst.Name(name), equal=equal)
            updated = updated.with_changes(args=arguments)
        return updated

    def leave_Integer(self, original: cst.Integer, updated: cst.Integer) -> cst.Integer:
        if not self.plan.numbers:
            return updated
        place = self.context.range(original)
        if place not in self.plan.numbers:
            return updated
        self.context.done.add(("number", place))
        return updated.with_changes(value=str(self.plan.numbers[place]))


def _renamed(argument: cst.Arg, names: dict[str, str]) -> cst.Arg:
    if argument.keyword is None or argument.keyword.value not in names:
        return argument
    return argument.with_changes(keyword=argument.keyword.with_changes(value=names[argument.keyword.value]))
