"""``with dspy.context(...)`` hands out a child, under a name that is fresh in its block."""

from __future__ import annotations

import libcst as cst

from codemods.passes.base import Pass


class SettingsContexts(Pass):
    name = "settings contexts"

    def leave_With(self, original: cst.With, updated: cst.With) -> cst.With:
        items = list(updated.items)
        for index, item in enumerate(original.items):
            place = self.context.range(item.item)
            plan = self.plan.withs.get(place)
            if plan is None:
                continue
            self.context.done.add(("with", place))
            if plan.child is not None:
                name = cst.AsName(
                    cst.Name(plan.child),
                    whitespace_before_as=cst.SimpleWhitespace(" "),
                    whitespace_after_as=cst.SimpleWhitespace(" "),
                )
                items[index] = items[index].with_changes(asname=name)
            if plan.asynchronous:
                updated = updated.with_changes(asynchronous=cst.Asynchronous())
        return updated.with_changes(items=items)
