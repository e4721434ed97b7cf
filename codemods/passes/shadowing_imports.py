"""An import of the settings object inside a function goes where the function is handed settings under that name."""

from __future__ import annotations

import libcst as cst

from codemods.passes.base import Pass


class ShadowingImports(Pass):
    """Removes imports inside functions that would hide the settings which are handed over."""

    name = "shadowing imports"

    def leave_ImportFrom(
        self, original: cst.ImportFrom, updated: cst.ImportFrom
    ) -> cst.ImportFrom | cst.RemovalSentinel:
        start = self.context.positions[original].start
        if (start.line, start.column) not in self.plan.shadowing or isinstance(updated.names, cst.ImportStar):
            return updated
        self.context.done.add(("import", (start.line, start.column)))
        names = [a for a in updated.names if (a.evaluated_alias or a.evaluated_name) != "settings"]
        if not names:
            return cst.RemoveFromParent()
        if updated.rpar is None:
            names[-1] = names[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
        return updated.with_changes(names=names)
