"""Which values flow where: an inclusion-based, flow-insensitive points-to analysis over the program model.

It answers one question, ``values(expression, scope)``. It is a fixpoint, so the order of files or functions
does not matter. Names that stay unknown afterwards are seeded from the rule table and the fixpoint goes on.

What each construct of the language means to it stands in modules of their own, one for what binds something
(:mod:`~codemods.program.statements`, :mod:`~codemods.program.arguments`) and one for what holds something
(:mod:`~codemods.program.expressions` and those that it names). They are functions of the analysis, which they ask for
values and whose variables they add to.
"""

from __future__ import annotations

import ast
from collections import defaultdict, deque

from codemods.program.arguments import bind_call
from codemods.program.attributes import attribute_values
from codemods.program.containers import element_values
from codemods.program.expressions import VALUES_OF
from codemods.program.fixtures import bind_fixtures, bind_patches, fixtures_by_name
from codemods.program.model import FunctionInfo, Program
from codemods.program.name_values import is_bound_name
from codemods.program.promises import promises
from codemods.program.scopes import Scope, Step, scopes_of
from codemods.program.seeds import modules_that_speak, seed_parameters, seed_unknown
from codemods.program.settings_parameters import SettingsParameters
from codemods.program.statements import bind_statement
from codemods.program.values import NOTHING, YIELD, Container, FunctionRef, Instance, Value, Values, Variable
from codemods.program.variables import Variables
from codemods.rules import Rules


class Flow:
    """The analysis. Call :meth:`solve` once, then ask :meth:`values`."""

    def __init__(self, program: Program, rules: Rules, base: Flow | None = None):
        self.program = program
        self.rules = rules
        self.base = base
        """The solved analysis of the library that the program uses: read, never added to."""
        self.settings_parameters = SettingsParameters(program, rules.settings.class_symbol, in_program=base is not None)
        self.scopes = scopes_of(program)
        self.steps = [step for scope in self.scopes for step in scope.steps]
        self.variables = Variables(program, base.variables if base is not None else None, len(self.steps))
        self.scope_of: dict[ast.AST, Scope] = dict(base.scope_of) if base is not None else {}
        self.scope_of.update((scope.node, scope) for scope in self.scopes)
        self.callable_rules = {
            (name, place): rule for rule in rules.callable for name in rule.names for place in rule.where
        }
        self.name_rules = {name: rule for rule in rules.name for name in rule.names}
        self.returns_receiver = {name: rule for rule in rules.returns_receiver for name in rule.names}
        self.received: set[ast.Call] = set()
        """Calls that give back their receiver by rule, each counted once."""
        self.speaking = modules_that_speak(self)
        """Modules whose names are taken for what the rule table says they stand for."""
        self.rule_matches: dict[str, int] = defaultdict(int)
        self.wrapped: dict[str, tuple[ast.expr, Scope]] = dict(base.wrapped) if base is not None else {}
        self.fixtures = fixtures_by_name(self)
        self.makers = {rule.symbol: rule.settings for rule in rules.maker} if base is not None else {}
        self.stubs: dict[str, tuple[ast.Call, Scope]] = {}
        """Where each :class:`Stub` is made, by its site."""
        self.stub_attributes: dict[str, set[str]] = defaultdict(set)
        """Attributes that the program names of each, by its site."""
        self._running: Scope | None = None
        """The scope of the step that is gone through."""
        self._met: dict[ast.expr, Values] = {}
        """What its expressions held when they were met first, this time. What grows behind them comes with the next."""

    def solve(self) -> None:
        """Run to the fixpoint, seed what is unknown from the rules, and run on."""
        # What upstream declares is so. A program may hand in whatever stands for a class of the library's.
        for variable, classes in promises(self) if self.base is None else ():
            self.variables.promise(variable, classes)
        for function in self.program.own_functions():
            seed_parameters(self, function)
        self._fixpoint()
        seed_unknown(self)
        while self.variables.stale:
            self._fixpoint()
            seed_unknown(self)

    def _fixpoint(self) -> None:
        """Go through steps until nothing changes; a step is gone through again when something it read has grown."""
        queue: deque[int] = deque()
        queued: set[int] = set()
        while self.variables.stale or queue:
            if self.variables.stale:
                queue += self._in_turn(self.variables.stale - queued)
                queued |= self.variables.stale
                self.variables.stale.clear()
            index = queue.popleft()
            queued.discard(index)
            step = self.steps[index]
            self.variables.reader, self._running, self._met = index, step.scope, {}
            self._go_through(step)
        self.variables.reader = self._running = None

    def _in_turn(self, steps: set[int]) -> list[int]:
        """In which order steps are gone through. Any other leads to the same."""
        return sorted(steps)

    def outer_scope(self, function: FunctionInfo) -> Scope:
        """The scope that a definition stands in."""
        if function.owner is not None:
            return self.scope_of[function.owner.node]
        return self.scope_of[function.parent.node if function.parent is not None else function.module.tree]

    def _go_through(self, step: Step) -> None:
        scope = step.scope
        if step.is_first and scope.function is not None:
            if self.fixtures:
                bind_fixtures(self, scope.function)
            if self.base is not None:
                bind_patches(self, scope.function)
        for node in step.nodes:
            bind_statement(self, node, scope)
        for call in step.calls:
            bind_call(self, call, scope)
        if isinstance(scope.node, ast.Lambda):
            assert scope.function is not None
            self.variables.add(("R", scope.function.symbol), self.values(scope.node.body, scope))

    def values(self, node: ast.expr, scope: Scope) -> Values:
        """What ``node`` may hold in ``scope``; empty where nothing is known."""
        handler = VALUES_OF.get(type(node))
        if handler is None:
            return NOTHING
        if scope is not self._running or self.variables.reader.__class__ is not int:
            return handler(self, node, scope)
        known = self._met.get(node)
        if known is None:
            known = self._met[node] = handler(self, node, scope)
        return known

    def functions(self, node: ast.expr, scope: Scope) -> list[FunctionInfo]:
        """Functions of the program that calling ``node`` may run."""
        found: dict[str, FunctionInfo] = {}
        for value in self.values(node, scope):
            called = attribute_values(self, value, "__call__") if isinstance(value, Instance) else frozenset({value})
            found.update((v.function, self.program.functions[v.function]) for v in called if isinstance(v, FunctionRef))
        return [found[symbol] for symbol in sorted(found)]

    def generators(self, node: ast.expr, scope: Scope) -> tuple[list[FunctionInfo], bool]:
        """Functions whose generator (or context manager) ``node`` may hold; whether it may hold something else, too."""
        found: dict[str, FunctionInfo] = {}
        others = False
        for value in self.values(node, scope):
            site = value.site if isinstance(value, Container) else ""
            if site.endswith(YIELD):
                function = self.program.functions[site.removesuffix(YIELD)]
                found[function.symbol] = function
            else:
                others = others or ":annotation:" not in site
        return [found[symbol] for symbol in sorted(found)], others

    def attribute(self, base: Value, name: str) -> Values:
        """The values of ``base.name``."""
        return attribute_values(self, base, name)

    def elements(self, values: Values) -> Values:
        """What iterating or subscripting ``values`` gives."""
        return element_values(self, values)

    def held(self, variable: Variable) -> set[Value]:
        """What a variable holds, the library's included."""
        return self.variables.held(variable)

    def is_bound(self, name: str, scope: Scope) -> bool:
        """Whether the program binds a name, in the scope or around it, or Python does."""
        return is_bound_name(self, name, scope)

    def is_own(self, value: Value) -> bool:
        """Whether a value is the program's own, where what it uses is a library."""
        return self.variables.is_own(value)

    def __getstate__(self) -> dict[str, object]:
        """Without what only the way to the fixpoint needs."""
        return {**self.__dict__, "_met": {}}
