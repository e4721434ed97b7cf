"""Docstrings whose examples were converted; the text itself was made with the plan."""

from __future__ import annotations

import libcst as cst

from codemods.passes.base import Pass


class Docstrings(Pass):
    """Writes docstrings with their examples converted."""

    name = "docstring examples"

    def leave_SimpleString(self, original: cst.SimpleString, updated: cst.SimpleString) -> cst.SimpleString:
        if not self.plan.docstrings:
            return updated
        place = self.context.range(original)
        text = self.plan.docstrings.get(place)
        if text is None:
            return updated
        self.context.done.add(("docstring", place))
        return updated.with_changes(value=text)
