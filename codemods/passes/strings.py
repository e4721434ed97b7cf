"""String literals that name functions, as the targets of patches do, name the ones that are called now."""

from __future__ import annotations

import libcst as cst

from codemods.passes.base import Pass


class Strings(Pass):
    """Writes string and integer literals that the plan replaces, such as the targets of patches."""

    name = "strings"

    def leave_SimpleString(self, original: cst.SimpleString, updated: cst.SimpleString) -> cst.SimpleString:
        if not self.plan.strings:
            return updated
        place = self.context.range(original)
        text = self.plan.strings.get(place)
        if text is None:
            return updated
        self.context.done.add(("string", place))
        return updated.with_changes(value=f"{updated.prefix}{updated.quote}{text}{updated.quote}")
