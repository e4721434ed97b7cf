"""``with dspy.context(...)`` hands out a child, under a name that is fresh in its block; what waits is entered so."""

from __future__ import annotations

from itertools import groupby

import libcst as cst

from codemods.passes.base import Pass


class SettingsContexts(Pass):
    """Names the settings of a ``with`` block, or enters what waits asynchronously."""

    name = "settings contexts"

    def leave_With(self, original: cst.With, updated: cst.With) -> cst.With:
        items = list(updated.items)
        waiting: list[bool] = []
        for index, item in enumerate(original.items):
            place = self.context.range(item.item)
            plan = self.plan.withs.get(place)
            waiting.append(original.asynchronous is not None or (plan is not None and plan.asynchronous))
            if plan is None:
                continue
            self.context.done.add(("with", place))
            if plan.child is not None:
                items[index] = items[index].with_changes(asname=_named(plan.child))
        return _nested(updated, items, waiting)


def _named(child: str) -> cst.AsName:
    blank = cst.SimpleWhitespace(" ")
    return cst.AsName(cst.Name(child), whitespace_before_as=blank, whitespace_after_as=blank)


def _nested(node: cst.With, items: list[cst.WithItem], waiting: list[bool]) -> cst.With:
    """A ``with`` for each run of items that are entered in the same way, one inside the other."""
    runs = [
        (key, [i for _, i in run]) for key, run in groupby(zip(waiting, items, strict=True), key=lambda pair: pair[0])
    ]
    if len(runs) == 1:
        return _entered(node.with_changes(items=items), waiting[0])
    body: cst.BaseSuite = node.body
    for waits, run in reversed(runs[1:]):
        last = run[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
        inner = _entered(cst.With(items=[*run[:-1], last], body=body), waits)
        body = cst.IndentedBlock([inner])
    waits, run = runs[0]
    last = run[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
    parentheses = {"lpar": cst.MaybeSentinel.DEFAULT, "rpar": cst.MaybeSentinel.DEFAULT}
    return _entered(node.with_changes(items=[*run[:-1], last], body=body, **parentheses), waits)


def _entered(node: cst.With, waits: bool) -> cst.With:
    if not waits or node.asynchronous is not None:
        return node
    return node.with_changes(asynchronous=cst.Asynchronous())
