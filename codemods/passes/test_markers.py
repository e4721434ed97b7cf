"""Tests that became coroutines are marked for the plugin that runs them; fixtures become the plugin's own.

Those of `unittest` derive from the class that awaits tests, and what it calls around them by another name.
"""

from __future__ import annotations

import libcst as cst

from codemods.passes.base import Pass, parse


class TestMarkers(Pass):
    """Decorates tests that wait as their runner needs it."""

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

    def leave_Attribute(self, original: cst.Attribute, updated: cst.BaseExpression) -> cst.BaseExpression:
        if original not in self.context.positions:
            return updated
        return self._renamed(original, self._fixture(original, updated))

    def leave_Name(self, original: cst.Name, updated: cst.BaseExpression) -> cst.BaseExpression:
        if original not in self.context.positions:
            return updated
        return self._renamed(original, self._fixture(original, updated))

    def _renamed(self, original: cst.BaseExpression, updated: cst.BaseExpression) -> cst.BaseExpression:
        place = self.context.range(original) if self.plan.renamed else None
        if place not in self.plan.renamed:
            return updated
        self.context.done.add(("renamed", place))
        return parse(self.plan.renamed[place])

    def _fixture(self, original: cst.BaseExpression, updated: cst.BaseExpression) -> cst.BaseExpression:
        if not self.plan.fixtures:
            return updated
        place = self.context.range(original)
        name = self.plan.fixtures.get(place)
        if name is None:
            return updated
        self.context.done.add(("fixture", place))
        self.context.imports.add((name.split(".")[0], None))
        return parse(name)
