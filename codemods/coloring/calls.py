"""The call graph: each call with what it may reach, who draws from generators, who makes partials."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Mapping

from codemods.blocking import is_bridge
from codemods.coloring.model import CallSite, Coloring, Reason
from codemods.coloring.plain_branches import PlainBranches
from codemods.coloring.walls import Walls
from codemods.program import FunctionInfo
from codemods.program.build import decorator_name, dotted, iter_own
from codemods.program.flow import Flow
from codemods.program.scopes import Scope
from codemods.program.values import External, FunctionRef, Instance, Made, Opaque, Plain, Supplied, Value, Values
from codemods.relays import relayed_at

_Drawn = dict[str, list[tuple[FunctionInfo, int]]]
_LOOPS = (ast.For, ast.comprehension)
STARTING = frozenset({"start_soon", "add_task"})
"""Methods of task groups and of what runs behind a response: they await the function that they are handed."""


class CallGraph:
    """Who calls whom, with what is known of each call.

    Args:
        result: where the calls are listed.
        walls: who knows which functions nobody awaits.
    """

    def __init__(self, result: Coloring, walls: Walls):
        self.result = result
        self.program = result.program
        self.flow = result.flow
        self.rules = result.rules
        self.walls = walls
        self.callers: dict[str, list[CallSite]] = defaultdict(list)
        """Calls that may reach a function, by its symbol."""
        self.drawers: _Drawn = defaultdict(list)
        """Functions that loop over another's generator or enter its context manager, with the line."""
        self.binders: _Drawn = defaultdict(list)
        """Functions that make a partial of another with positional arguments, which settings come before."""
        self.bridged: set[ast.Call] = set()
        """Calls that a function which nobody awaits hands to an event loop of its own."""
        self._plain_branches = PlainBranches(self.program)
        self._collect_calls()
        self._collect_drawers()

    def _collect_calls(self) -> None:
        for scope in self.flow.scopes:
            self.bridged |= self._bridged_in(scope)
            for node in scope.calls:
                site = self._call_site(node, scope)
                self.result.calls.append(site)
                for target in site.targets:
                    if node not in self.bridged:
                        self.callers[target.symbol].append(site)

    def _bridged_in(self, scope: Scope) -> set[ast.Call]:
        if self.flow.base is None or scope.function is None or not self.walls.is_not_awaited(scope.function):
            return set()
        run = [call.args[0] for call in scope.calls if is_bridge(self.flow, call, scope)]
        return {argument for argument in run if isinstance(argument, ast.Call)}

    def _call_site(self, node: ast.Call, scope: Scope) -> CallSite:
        relay = relayed_at(self.flow, node, scope)
        values = self.flow.values(node.func if relay is None else node.args[relay], scope)
        targets: dict[str, FunctionInfo] = {}
        for value in values:
            for function in self._targets(value):
                targets[function.symbol] = function
        by_protocol = {f.name for f in targets.values() if f.owner is not None and f.owner.is_protocol}
        supplied = sorted(
            {v.name for v in values if isinstance(v, Supplied)}
            | self._supplied_elements(node, values, scope)
            | by_protocol
        )
        plain = any(isinstance(v, Plain) for v in values) or self._plain_branches.covers(node, scope)
        hands_on = self.program.own is not None and _hands_on(node, scope)
        if hands_on:
            plain = plain or _returns_at_once(node, scope)
        plain = plain or (not values - {Opaque()} and _passes_through(node, scope))
        if plain:
            targets, supplied = {}, []
        ordered = tuple(targets[key] for key in sorted(targets))
        return CallSite(
            node,
            scope,
            scope.module.position(node),
            ordered,
            tuple(supplied),
            bool(supplied) or _is_known(values) or relay is not None,
            plain,
            any(isinstance(v, FunctionRef) and v.given for v in values),
            relay,
            any(isinstance(v, Made) for v in values),
            hands_on,
        )

    def _collect_drawers(self) -> None:
        for scope in self.flow.scopes:
            for node in scope.nodes if scope.function is not None else ():
                if isinstance(node, _LOOPS):
                    self._draws(node.iter, scope)
                elif isinstance(node, ast.YieldFrom):
                    self._draws(node.value, scope)
                elif isinstance(node, ast.withitem):
                    self._draws(node.context_expr, scope)
            for call in scope.calls:
                self._binds(call, scope)

    def _binds(self, call: ast.Call, scope: Scope) -> None:
        if scope.function is None or not makes_partial(self.flow, call, scope):
            return
        settings = Instance(self.rules.settings.class_symbol)
        given = len(call.args) > 1 and settings in self.flow.values(call.args[1], scope)
        for function in [] if given else self.flow.functions(call.args[0], scope):
            self.binders[function.symbol].append((scope.function, scope.module.position(call)[0]))

    def _draws(self, node: ast.expr, scope: Scope) -> None:
        assert scope.function is not None
        for generator in self.flow.generators(node, scope)[0]:
            self.drawers[generator.symbol].append((scope.function, scope.module.position(node)[0]))

    def _supplied_elements(self, node: ast.Call, values: Values, scope: Scope) -> set[str]:
        """``tools[name](...)`` where nothing is known of the elements but that they can be called.

        Functions of the library's own that are put there too say nothing of the others.
        """
        if not isinstance(node.func, ast.Subscript) or any(not isinstance(v, Opaque | FunctionRef) for v in values):
            return set()
        name = (dotted(node.func.value) or "").split(".")[-1]
        rule = self.flow.callable_rules.get((name, "element"))
        if scope.module.name not in self.flow.speaking or rule is None or rule.kind != "supplied":
            return set()
        self.result.matches[f"callable:{rule.label}"] += 1
        return {name}

    def _targets(self, value: Value) -> Iterable[FunctionInfo]:
        if isinstance(value, FunctionRef):
            return [self.program.functions[value.function]]
        if isinstance(value, Instance):
            called = self.flow.attribute(value, "__call__")
            return [self.program.functions[v.function] for v in called if isinstance(v, FunctionRef)]
        return []


def _passes_through(node: ast.Call, scope: Scope) -> bool:
    """A call of ``fn`` in a wrapper made with ``functools.wraps(fn)`` that hands on all it was handed.

    A plain wrapper returns what it gets, and who calls the wrapper awaits it; a coroutine awaits it already.
    """
    function = scope.function
    if function is None or isinstance(function.node, ast.Lambda) or not isinstance(node.func, ast.Name):
        return False
    wraps = [d for d in function.node.decorator_list if isinstance(d, ast.Call) and _last(d) == "wraps"]
    if not any(isinstance(argument, ast.Name) for d in wraps for argument in d.args):
        return False
    if function.is_async:
        return len(node.args) == 1 and isinstance(node.args[0], ast.Starred) and node in {a.value for a in scope.awaits}
    return any(isinstance(n, ast.Return) and n.value is node for n in iter_own(function.node))


def _hands_on(node: ast.Call, scope: Scope) -> bool:
    """A call in a wrapper, ``function(*args, **kwargs)``, of a parameter of what is around, with all arguments."""
    function = scope.function
    if function is None or function.parent is None or not isinstance(node.func, ast.Name) or not node.args:
        return False
    vararg = function.node.args.vararg
    names = {argument.arg for argument in function.parent.arguments}
    *first, last = node.args
    if vararg is None or node.func.id not in names - function.locals or not isinstance(last, ast.Starred):
        return False
    handed = [argument.id if isinstance(argument, ast.Name) else None for argument in first]
    everything = isinstance(last.value, ast.Name) and last.value.id == vararg.arg
    return everything and handed == [argument.arg for argument in function.arguments]


def _returns_at_once(node: ast.Call, scope: Scope) -> bool:
    """Whether a plain wrapper gives back what it is given, and nothing has to happen once that is there."""
    body: list[ast.stmt] = getattr(scope.node, "body", []) if not isinstance(scope.node, ast.Lambda) else []
    plain = scope.function is not None and not scope.function.is_async
    return plain and any(isinstance(statement, ast.Return) and statement.value is node for statement in body)


def _last(decorator: ast.expr) -> str:
    return decorator_name(decorator).split(".")[-1]


def _is_known(values: Values) -> bool:
    return bool(values) and values != frozenset[Value]({Opaque()})


def makes_partial(flow: Flow, call: ast.Call, scope: Scope) -> bool:
    """Whether a call is ``functools.partial(f, x, ...)``, with positional arguments.

    So is what hands a function with its arguments to another package that awaits it: ``group.start_soon(f, x)``.
    """
    if flow.base is not None and isinstance(call.func, ast.Attribute) and call.func.attr in STARTING:
        values = flow.values(call.func, scope)
        plain = bool(call.args) and not isinstance(call.args[0], ast.Starred)
        return plain and bool(values) and all(isinstance(v, External) for v in values)
    if len(call.args) < 2 or isinstance(call.args[0], ast.Starred):
        return False
    return any(isinstance(v, External) and v.name == "functools.partial" for v in flow.values(call.func, scope))


def needs_none(coloring: Coloring, site: CallSite, colour: Mapping[str, Reason]) -> bool:
    """Whether a call hands on the settings that its function was handed, so that it needs none for it."""
    return site.hands_on and colour is coloring.settings
