"""What to do to each file: the walk through its source that leads each node to what plans it."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace
from functools import cache

from codemods.asynchronous import consumes_generators
from codemods.coloring import Coloring
from codemods.coloring.settings_object import changes_default, is_settings_object
from codemods.pending import awaited_elsewhere
from codemods.plan.calls import call_plan, is_helper_call, note_handed_out
from codemods.plan.context import Context
from codemods.plan.definitions import function_plan, note_what_stands_around, place_inside, plan_case
from codemods.plan.generators import (
    EAGER_CONSUMERS,
    is_asynchronous,
    note_drawn,
    note_lost_settings,
    plan_delegation,
    plan_iteration,
    search_of,
    waits_in_source,
)
from codemods.plan.lambdas import Lambdas
from codemods.plan.model import CallPlan, FilePlan
from codemods.plan.place import Place
from codemods.plan.reads import plan_read, plan_shadowing
from codemods.plan.withs import Withs
from codemods.program import ModuleInfo
from codemods.program.build import dotted
from codemods.suites import Suite, marks_of
from codemods.syntax import children

_WITH_VALUE = (ast.keyword, ast.Starred)
_MEMBERSHIP = (ast.In, ast.NotIn)
_STATEMENTS = frozenset(ast.stmt.__subclasses__())
_SIMPLE = frozenset({ast.Expr, ast.Return, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Assert, ast.Raise})
_COMPREHENSIONS = frozenset({ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp})
_CONDITIONAL = frozenset({ast.IfExp, ast.BoolOp})
"""Expressions whose parts may not be evaluated: what is put before has to be without effect."""


def plan_files(
    coloring: Coloring,
    default_settings: str | None = None,
    final: Collection[str] = (),
    awaiting: Collection[str] = (),
) -> dict[str, FilePlan]:
    """The plan of every file, by path: see :class:`Planning`."""
    planning = Planning(coloring, default_settings, final, awaiting)
    return {module.path: planning.plan(module) for module in coloring.program.own_modules()}


class Planning:
    """What the plans of all files have in common, worked out once.

    ``default_settings`` is the expression used where no settings are in scope (a program's top level);
    without it such a place is a finding. ``final`` are paths and symbols that stay as they are, ``awaiting`` paths of
    modules whose tests need no marker to be awaited.
    """

    def __init__(
        self,
        coloring: Coloring,
        default_settings: str | None = None,
        final: Collection[str] = (),
        awaiting: Collection[str] = (),
    ):
        self._coloring = coloring
        self._default = default_settings
        self._final = final
        self._awaiting = awaiting
        self._sites = {site.node: site for site in coloring.calls}
        self._elsewhere = awaited_elsewhere(coloring)
        self._marks = marks_of(coloring.program)

    def plan(self, module: ModuleInfo) -> FilePlan:
        """The plan of one file, which depends on no other file's."""
        program, default = self._coloring.program, self._default
        suite = Suite(program, module, self._marks, awaits_all=module.path in self._awaiting) if default else None
        context = Context(self._coloring, module, self._sites, self._elsewhere, default, self._final, suite)
        return _Planner(context).plan()


class _Planner:
    """Goes through one file, node by node, and plans what becomes of each."""

    def __init__(self, context: Context):
        self.context = context
        self.file = context.file
        self.coloring = context.coloring
        self.mocks = context.mocks
        self.lambdas = Lambdas(context)
        self.withs = Withs(context)
        self.awaited_names: dict[str, set[str]] = defaultdict(set)
        """Variables that a function binds to what it has awaited, by its symbol."""

    def plan(self) -> FilePlan:
        """The plan of the file; an empty one of a file that stays as it is."""
        if self.context.module.path in self.context.final:
            return self.file
        scope = self.coloring.flow.scope_of[self.context.module.tree]
        self._body(self.context.module.tree.body, Place(self.context.default, scope))
        return self.file

    def _body(self, statements: list[ast.stmt], place: Place) -> None:
        for statement in statements:
            self._visit(statement, place)

    def _visit(self, node: ast.AST, place: Place) -> None:
        kind = node.__class__
        if kind in _STATEMENTS:
            self.lambdas.hoisted.clear()
            place = replace(place, hoistable=kind in _SIMPLE, evaluated=True)
        elif kind in _COMPREHENSIONS:
            # It has names of its own, which a definition before the statement would not see.
            place = replace(place, hoistable=False)
        elif kind in _CONDITIONAL:
            place = replace(place, evaluated=False)
        name = _visitor_of(kind)
        if name is not None:
            getattr(self, name)(node, place)
        else:
            self._children(node, place)

    def _children(self, node: ast.AST, place: Place) -> None:
        for child in children(node):
            self._visit(child, place)

    def _visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef, place: Place) -> None:
        function = self.coloring.program.function_of[node]
        if function.is_in(self.context.final):
            return
        for outer in [*node.decorator_list, *node.args.defaults, *(d for d in node.args.kw_defaults if d)]:
            self._visit(outer, place)
        plan = function_plan(self.context, function)
        if plan is not None:
            self.file.functions[function.position] = plan
        note_what_stands_around(self.context, function)
        self._body(node.body, place_inside(self.context, function, place))

    _visit_AsyncFunctionDef = _visit_FunctionDef

    def _visit_Lambda(self, node: ast.Lambda, place: Place) -> None:
        function = self.coloring.program.function_of[node]
        defaults = [*node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)]
        if place.hoistable and (place.evaluated or not defaults) and function.position not in self.file.functions:
            self.lambdas.hoist(node, self.lambdas.hints.get(node, "awaited"))
        for default in defaults:
            self._visit(default, place)
        if self.coloring.is_coroutine(function) and function.position not in self.file.functions:
            self.context.finding(
                "lambda",
                node,
                f"a lambda must wait, and stands where it cannot be made a coroutine function: {ast.unparse(node)}",
            )
        self._visit(node.body, place_inside(self.context, function, place))

    def _visit_ClassDef(self, node: ast.ClassDef, place: Place) -> None:
        for outer in [*node.decorator_list, *node.bases, *node.keywords]:
            self._visit(outer, place)
        if self.context.suite is not None:
            plan_case(self.context, self.coloring.program.class_of[node])
        self._body(node.body, Place(place.settings, self.coloring.flow.scope_of[node], held=place.held))

    def _visit_ImportFrom(self, node: ast.ImportFrom, place: Place) -> None:
        plan_shadowing(self.context, node, place)

    def _visit_Assign(self, node: ast.Assign, place: Place) -> None:
        if self.mocks is not None:
            self.mocks.plan_assignment(node, place.scope)
        target = node.targets[0]
        if isinstance(node.value, ast.Lambda) and len(node.targets) == 1 and dotted(target) is not None:
            self.lambdas.hoist(node.value, dotted(target), replaces=isinstance(target, ast.Name))
        self._children(node, place)
        if isinstance(node.value, ast.Call) and self.context.plan_of(node.value).awaited and place.function is not None:
            for target in node.targets:
                if isinstance(target, ast.Name):
                    self.awaited_names[place.function.symbol].add(target.id)

    def _visit_Dict(self, node: ast.Dict, place: Place) -> None:
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                self.lambdas.hint(value, key.value)
        self._children(node, place)

    def _visit_With(self, node: ast.With | ast.AsyncWith, place: Place) -> None:
        inner = place
        for item in node.items:
            self._visit(item.context_expr, inner)
            inner = self.withs.enter(node, item, inner)
            if item.optional_vars is not None:
                self._visit(item.optional_vars, inner)
        self._body(node.body, inner)

    _visit_AsyncWith = _visit_With

    def _visit_For(self, node: ast.For, place: Place) -> None:
        plan_iteration(self.context, node.iter, place)
        self._children(node, place)

    def _visit_comprehension(self, node: ast.comprehension, place: Place) -> None:
        if not node.is_async:
            plan_iteration(self.context, node.iter, place)
        self._children(node, place)

    def _visit_Starred(self, node: ast.Starred, place: Place) -> None:
        note_drawn(self.context, node.value, node, place)
        self._children(node, place)

    def _visit_Compare(self, node: ast.Compare, place: Place) -> None:
        for operator, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(operator, _MEMBERSHIP):
                note_drawn(self.context, right, node, place)
        self._children(node, place)

    def _visit_Yield(self, node: ast.Yield, place: Place) -> None:
        self._children(node, place)
        note_lost_settings(self.context, node, place)

    def _visit_YieldFrom(self, node: ast.YieldFrom, place: Place) -> None:
        self._children(node, place)
        if place.function is not None and self.coloring.is_coroutine(place.function):
            plan_delegation(self.context, node, place, self.lambdas.fresh("item", place.function, inside=True))

    def _visit_Await(self, node: ast.Await, place: Place) -> None:
        self._visit(node.value, place)
        awaited = self.awaited_names[place.function.symbol] if place.function is not None else set[str]()
        if isinstance(node.value, ast.Name) and node.value.id in awaited:
            self.file.bare_awaits.add(self.context.range(node))

    def _visit_Attribute(self, node: ast.Attribute, place: Place) -> None:
        if self.mocks is not None and self.mocks.plan_attribute(node, place.scope):
            return
        flow = self.coloring.flow
        if changes_default(node, flow) and is_settings_object(flow, node.value, place.scope):
            return
        if not plan_read(self.context, node, place):
            self._children(node, place)

    def _visit_Name(self, node: ast.Name, place: Place) -> None:
        plan_read(self.context, node, place)

    def _visit_Subscript(self, node: ast.Subscript, place: Place) -> None:
        self._children(node, place)
        if self.mocks is not None:
            self.mocks.plan_subscript(node, place.scope)

    def _visit_GeneratorExp(self, node: ast.GeneratorExp, place: Place) -> None:
        self._children(node, place)
        # One that waits in the source is asynchronous by its author's will.
        if not waits_in_source(node) and is_asynchronous(self.context, node):
            self.context.finding(
                "generator", node, f"a generator expression must wait, and is consumed lazily: {ast.unparse(node)}"
            )

    def _visit_Call(self, node: ast.Call, place: Place) -> None:
        self._visit(node.func, place)
        eager = (dotted(node.func) or _method_name(node.func)).split(".")[-1] in EAGER_CONSUMERS
        if is_helper_call(self.context, node, "ready", place):
            # What a worker thread was given back may be a coroutine: `ready(await asyncio.to_thread(f))`.
            self.context.readied.update(a.value for a in node.args if isinstance(a, ast.Await))
        consumes = consumes_generators(self.coloring, node, place.scope)
        search = search_of(self.context, node, place)
        self.withs.note_entered_otherwise(node, place)
        self.lambdas.hint_replacement(node, place)
        for argument in [*node.args, *node.keywords]:
            if isinstance(argument, ast.keyword) and argument.arg is not None:
                self.lambdas.hint(argument.value, argument.arg)
            note_handed_out(self.context, node, argument, place)
            value = argument.value if isinstance(argument, _WITH_VALUE) else argument
            if consumes and not isinstance(value, ast.GeneratorExp):
                note_drawn(self.context, value, node, place)
            if search is not None and argument is node.args[0]:
                self._children(argument, replace(place, hoistable=False))
            elif eager and isinstance(value, ast.GeneratorExp):
                self._children(value, replace(place, hoistable=False))
                if is_asynchronous(self.context, value):
                    self.file.to_list.add(self.context.range(value.elt))
            else:
                self._visit(argument, place)
        plan = call_plan(self.context, node, place)
        if search is not None and is_asynchronous(self.context, search):
            plan.search, plan.awaited = ast.unparse(node.func), node not in self.context.awaited
        if self.mocks is not None:
            self.mocks.plan_call(node, place.scope, plan)
        if plan != CallPlan():
            self.file.calls[self.context.range(node)] = plan


@cache
def _visitor_of(kind: type[ast.AST]) -> str | None:
    """The method that plans nodes of a kind; there is none for those that only lead to others."""
    name = f"_visit_{kind.__name__}"
    return name if hasattr(_Planner, name) else None


def _method_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else ""
