"""What becomes of ``with`` items: settings of their own in a block, and what is entered by waiting."""

from __future__ import annotations

import ast
from dataclasses import replace

from codemods.asynchronous import enters_asynchronously, is_left_by_waiting, makes_child
from codemods.plan.context import Context
from codemods.plan.model import WithPlan
from codemods.plan.place import Place
from codemods.program.build import dotted
from codemods.rules import ScopeRule
from codemods.syntax import walk

_CHILD = "inner_settings"


class Withs:
    """``with`` items: those that make child settings, and those that are entered asynchronously.

    Args:
        context: the file that they stand in.
    """

    def __init__(self, context: Context):
        self.context = context
        self.closures: dict[str, set[str]] = {}
        """Names of children that a function's closures hold on to, by its symbol."""

    def enter(self, node: ast.With | ast.AsyncWith, item: ast.withitem, place: Place) -> Place:
        """The place inside of the block, once an item is entered; what becomes of the item is planned."""
        entered = item.context_expr
        if makes_child(self.context.coloring, entered, place.scope):
            if isinstance(item.optional_vars, ast.Name):
                return replace(place, settings=item.optional_vars.id, depth=place.depth + 1)
            child = self._child_name(node, place)
            self.context.file.withs[self.context.range(entered)] = WithPlan(child=child)
            return replace(place, settings=child, depth=place.depth + 1, held=place.held | {child})
        scope_rule = self._scope_rule(entered, place)
        if scope_rule is not None:
            return self._scoped(node, item, scope_rule, place)
        if isinstance(node, ast.With) and self._enters_by_waiting(entered, place):
            self.context.file.withs[self.context.range(entered)] = WithPlan(asynchronous=True)
        return place

    def _enters_by_waiting(self, entered: ast.expr, place: Place) -> bool:
        if enters_asynchronously(self.context.coloring, entered, place.scope):
            return True
        return self.context.can_await(place) and is_left_by_waiting(self.context.coloring, entered, place.scope)

    def _scope_rule(self, entered: ast.expr, place: Place) -> ScopeRule | None:
        """The rule of a context manager of the library whose block has settings of its own."""
        in_program = self.context.default is not None
        site = self.context.sites.get(entered) if isinstance(entered, ast.Call) and in_program else None
        symbols = {target.symbol for target in site.targets} if site is not None else set[str]()
        return next((rule for rule in self.context.coloring.rules.scope if rule.symbol in symbols), None)

    def _scoped(self, node: ast.With | ast.AsyncWith, item: ast.withitem, rule: ScopeRule, place: Place) -> Place:
        name = dotted(item.optional_vars) if item.optional_vars is not None else None
        if name is None:
            name = self._fresh_name(rule.name, place)
            self.context.file.withs[self.context.range(item.context_expr)] = WithPlan(child=name)
        return replace(place, settings=f"{name}.{rule.attribute}", depth=place.depth + 1)

    def _fresh_name(self, name: str, place: Place) -> str:
        taken = {n.id for n in walk(place.scope.node) if isinstance(n, ast.Name)} | place.held
        while name in taken:
            name = f"{name}_"
        return name

    def _child_name(self, node: ast.AST, place: Place) -> str:
        """A name that nothing else in the function uses; siblings share one unless a closure holds on to it."""
        taken = {n.id for n in walk(place.scope.node) if isinstance(n, ast.Name)} | self._captured(place)
        taken |= place.held | {n.arg for n in walk(place.scope.node) if isinstance(n, ast.arg)}
        number = place.depth + 1
        while True:
            name = _CHILD if number == 1 else f"{_CHILD}_{number}"
            if name not in taken:
                break
            number += 1
        if any(isinstance(n, ast.FunctionDef | ast.Lambda) for n in walk(node)) and place.function is not None:
            self.closures.setdefault(place.function.symbol, set()).add(name)
        return name

    def _captured(self, place: Place) -> set[str]:
        return self.closures.get(place.function.symbol, set()) if place.function is not None else set()

    def note_entered_otherwise(self, node: ast.Call, place: Place) -> None:
        """What is entered by an ``ExitStack``, or by hand, has no block that a child or ``async`` could be put to."""
        if not isinstance(node.func, ast.Attribute) or node.func.attr not in ("enter_context", "__enter__"):
            return
        entered = node.args[0] if node.func.attr == "enter_context" and node.args else node.func.value
        text = ast.unparse(node)
        if makes_child(self.context.coloring, entered, place.scope) and node.func.attr == "enter_context":
            self.context.finding("settings-context", node, f"changes no settings, since nothing is handed on: {text}")
        elif enters_asynchronously(self.context.coloring, entered, place.scope):
            self.context.finding("settings-context", node, f"enters plainly what is asynchronous: {text}")
