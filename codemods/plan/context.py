"""One file that is being planned: its plan, and what every part of the planner asks."""

from __future__ import annotations

import ast
from collections.abc import Collection

from codemods.coloring import CallSite, Coloring
from codemods.mocks import MockPlanner
from codemods.plan.model import SUPPLIED, CallPlan, FilePlan, Range
from codemods.plan.place import Place
from codemods.program import ModuleInfo
from codemods.program.build import all_bound_names
from codemods.program.model import Placed
from codemods.program.names import resolve_dotted
from codemods.stages import Finding
from codemods.suites import Suite


class Context:
    """The plan of one file while it is made, and all that is asked for it.

    Args:
        coloring: the colours of the whole package or program.
        module: the file.
        sites: every call of the coloring, by its node.
        awaited: calls whose coroutine is awaited elsewhere.
        default_settings: the expression used where no settings are in scope; None for the library itself.
        final: paths and symbols that stay as they are.
        suite: what is known of the file as one of tests; None for the library itself.
    """

    def __init__(
        self,
        coloring: Coloring,
        module: ModuleInfo,
        sites: dict[ast.Call, CallSite],
        awaited: frozenset[ast.Call],
        default_settings: str | None,
        final: Collection[str],
        suite: Suite | None,
    ):
        self.final = final
        self.suite = suite
        self.coloring = coloring
        self.module = module
        self.sites = sites
        self.default = default_settings
        self.file = FilePlan(module.path)
        if default_settings is not None:
            self.file.own_package = False
            self.file.annotation = _annotation(module, coloring.rules.settings.class_symbol.split(".")[0])
        self.awaited = awaited
        self.mocks = None if default_settings is None else MockPlanner(coloring, module, self.file, self.range)
        self.readied: set[ast.expr] = set()
        """Calls whose results are awaited where that is what they are."""
        self.helpers = "" if self._helpers_are_free() else "supplied."
        """What stands before ``bind`` and ``ready`` in this file."""

    def range(self, node: ast.expr) -> Range:
        """Where an expression stands."""
        line, column = self.module.position(node)
        end_line, end_column = node.end_lineno, node.end_col_offset
        assert end_line is not None and end_column is not None
        if not self.module.ascii_only:
            end_column = len(self.module.lines[end_line - 1].encode()[:end_column].decode())
        return line, column, end_line, end_column

    def finding(self, rule: str, node: Placed, message: str) -> None:
        """Note what a person has to look at."""
        self.file.findings.append(Finding(rule, self.module.path, self.module.position(node)[0], message))

    def plan_of(self, node: ast.Call) -> CallPlan:
        """What is planned for a call so far."""
        return self.file.calls.get(self.range(node), CallPlan())

    def can_await(self, place: Place) -> bool:
        """Whether ``await`` may stand at a place, once the plan is carried out."""
        if place.function is None:
            return self.default is not None and not place.scope.class_scope
        hoisted = not place.function.is_lambda or place.function.position in self.file.functions
        return self.coloring.is_coroutine(place.function) and hoisted

    def _helpers_are_free(self) -> bool:
        """Whether ``bind`` and ``ready`` are the helpers' names in this file, or nobody's."""
        named = {name for name in ("bind", "ready") if name in self.module.text}
        bound = {name for name in named if not self._is_helper(name)}
        return not (bound and bound & all_bound_names(self.module.tree))

    def _is_helper(self, name: str) -> bool:
        target = resolve_dotted(self.coloring.program, self.module, name)
        return target is not None and (target.module, target.name) == (SUPPLIED, name)


def _annotation(module: ModuleInfo, package: str) -> str | None:
    """What a program calls the class of settings, where it imports the package itself, for good and in every run."""
    for node in module.tree.body:
        for alias in node.names if isinstance(node, ast.Import) else ():
            if alias.name == package:
                return f"{alias.asname or package}.Settings"
            if alias.name.startswith(f"{package}.") and alias.asname is None:
                return f"{package}.Settings"
    return None
