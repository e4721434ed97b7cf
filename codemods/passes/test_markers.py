"""Tests that became coroutines are marked for the plugin that runs them; fixtures become the plugin's own."""

from __future__ import annotations

import libcst as cst

from codemods.passes.base import Pass, parse


class TestMarkers(Pass):
    name = "test markers"
    __test__ = False

    def leave_FunctionDef(self, original: cst.FunctionDef, updated: cst.FunctionDef) -> cst.FunctionDef:
        start = self.context.positions[original].start
        marker = self.plan.markers.get((start.line, start.column))
        if marker is None:
            return updated
        self.context.done.add(("marker", (start.line, start.column)))
        self.context.imports.add((marker.split(".")[0], None))
        return updated.with_changes(decorators=[cst.Decorator(parse(marker)), *updated.decorators])
