"""Which functions become coroutines and which take ``settings``: a fixpoint over the call graph.

The colours spread from leaves (callbacks, user-supplied callables, declared protocols, upstream's own coroutines,
reads of settings) to callers, and across override families. Each carries its reason, so that the chain down to the
leaf can be shown. Calls whose target is not known are listed, never guessed.
"""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeGuard

from codemods.blocking import blocks, is_bridge
from codemods.entries import is_entry, is_not_awaited, is_registered
from codemods.program import FunctionInfo, ModuleInfo, Position, Program
from codemods.program.build import decorator_name, dotted, iter_own
from codemods.program.flow import Flow
from codemods.program.model import ClassInfo
from codemods.program.names import resolve_dotted
from codemods.program.scopes import Scope
from codemods.program.stand_ins import StandIns
from codemods.program.values import (
    OBJECT,
    External,
    FunctionRef,
    Instance,
    Made,
    Opaque,
    Plain,
    Supplied,
    Value,
    Values,
)
from codemods.relays import relayed_at
from codemods.rules import Rules
from codemods.settings_names import binds_settings, settings_name
from codemods.stages import Finding
from codemods.syntax import walk
from codemods.threads import loops_of_threads

_Paint = Callable[[FunctionInfo, "Reason"], FunctionInfo | None]
_ASYNC_PROTOCOL = frozenset({"__aenter__", "__aexit__", "__aiter__", "__anext__"})
"""Methods that the language awaits, and hands nothing."""
STARTING = frozenset({"start_soon", "add_task"})
"""Methods of task groups and of what runs behind a response: they await the function that they are handed."""
_AWAITABLE_DUNDERS = frozenset({"__call__", *_ASYNC_PROTOCOL} - {"__aiter__"})


@dataclass(frozen=True)
class Reason:
    """Why a function has a colour: a leaf's own text, or the function it got it from, with the line of the call."""

    text: str
    line: int
    via: str | None = None


@dataclass(eq=False)
class CallSite:
    """One call: where it stands, what it may reach."""

    node: ast.Call
    scope: Scope
    position: Position
    targets: tuple[FunctionInfo, ...]
    supplied: tuple[str, ...]
    known: bool
    plain: bool = False
    given: bool = False
    """Whether what is called has its first arguments already, settings among them."""
    relay: int | None = None
    """Which argument is the function that is called, where the callee calls it for the code that stands here."""
    made: bool = False
    """Whether it calls a coroutine function that the library made of something."""
    hands_on: bool = False
    """Whether a wrapper calls with all that it was handed, settings among them."""

    @property
    def function(self) -> FunctionInfo | None:
        return self.scope.function


@dataclass(repr=False)
class Coloring:
    """The result. ``coroutine`` and ``settings`` map a function's symbol to its reason."""

    program: Program
    flow: Flow
    rules: Rules
    stand_ins: StandIns
    calls: list[CallSite] = field(default_factory=list[CallSite])
    coroutine: dict[str, Reason] = field(default_factory=dict[str, Reason])
    settings: dict[str, Reason] = field(default_factory=dict[str, Reason])
    findings: list[Finding] = field(default_factory=list[Finding])
    unresolved: list[Finding] = field(default_factory=list[Finding])
    settings_before: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    matches: dict[str, int] = field(default_factory=lambda: defaultdict[str, int](int))
    walls: set[str] = field(default_factory=set[str])
    """Symbols of functions that would have to wait, and cannot."""
    apart: set[str] = field(default_factory=set[str])
    """Symbols of a program's coroutine functions that have nothing to do with its library: they stay as they are."""

    def is_coroutine(self, function: FunctionInfo) -> bool:
        return function.symbol in self.coroutine

    def is_apart(self, function: FunctionInfo) -> bool:
        return function.symbol in self.apart

    def is_coloured(self, function: FunctionInfo) -> bool:
        """Whether it is a coroutine function that has to do with the library."""
        return self.is_coroutine(function) and not self.is_apart(function)

    def takes_settings(self, function: FunctionInfo) -> bool:
        return function.symbol in self.settings

    def settings_name(self, function: FunctionInfo) -> str:
        """What a function's settings are called, those it has or is to be given."""
        return settings_name(self.flow, function)

    def explain(self, symbol: str) -> list[str]:
        """The chain from ``symbol`` down to its leaf, one line a call, for each colour. Empty if it has none."""
        lines: list[str] = []
        for title, colour in (("coroutine", self.coroutine), ("settings", self.settings)):
            if symbol in colour:
                lines.append(f"{symbol}: {title}")
                lines.extend(self._chain(symbol, colour))
        if symbol in self.coroutine:
            # What is put in a method's place while an optimizer runs is a way too, but not the one to show.
            lines.extend(self._waits(symbol, nested=False) or self._waits(symbol, nested=True))
        return lines

    def _waits(self, symbol: str, *, nested: bool) -> list[str]:
        """The shortest way, call by call, to something that is awaited and not of this package, or is the user's."""
        came: dict[str, tuple[str, int]] = {}
        queue = [symbol]
        for current in queue:
            leaf = self._leaf_of(current)
            if leaf is not None:
                return [f"{symbol}: waits", *self._way(symbol, current, came), leaf]
            for site in self._calls_of(current):
                for target in self._reached(site):
                    inner = self.program.functions[target].parent is not None
                    if target not in came and target != symbol and (nested or not inner):
                        came[target] = (current, site.position[0])
                        queue.append(target)
        return []

    def _way(self, start: str, end: str, came: dict[str, tuple[str, int]]) -> list[str]:
        steps: list[str] = []
        while end != start:
            caller, line = came[end]
            steps.append(f"  {self.program.functions[caller].module.path}:{line}: {caller} calls {end}")
            end = caller
        return steps[::-1]

    def _calls_of(self, symbol: str) -> list[CallSite]:
        return self._calls_by_symbol.get(symbol, [])

    @cached_property
    def _calls_by_symbol(self) -> dict[str, list[CallSite]]:
        found: dict[str, list[CallSite]] = defaultdict(list)
        for site in self.calls:
            if site.function is not None:
                found[site.function.symbol].append(site)
        return found

    def _reached(self, site: CallSite) -> list[str]:
        """Coroutines a call may run: its targets, and what overrides a target that only declares."""
        reached = [target.symbol for target in site.targets if target.symbol in self.coroutine]
        for target in site.targets:
            for cls in target.owner.descendants() if target.owner is not None else ():
                if target.name in cls.methods and cls.methods[target.name].symbol in self.coroutine:
                    reached.append(cls.methods[target.name].symbol)
        return reached

    def _leaf_of(self, symbol: str) -> str | None:
        """The line where a function waits for something that is not of this package, if it does."""
        function = self.program.functions[symbol]
        scope = self.flow.scope_of[function.node]
        for site in self._calls_of(symbol):
            if site.supplied:
                text = f"calls what a user supplies ({', '.join(site.supplied)})"
                return f"  {function.module.path}:{site.position[0]}: {text}"
        for node in iter_own(function.node):
            if (
                isinstance(node, ast.Await)
                and isinstance(node.value, ast.Call)
                and isinstance(node.value.func, ast.Attribute)
            ):
                values = self.flow.values(node.value.func, scope)
                if values and all(isinstance(value, External) for value in values):
                    line = function.module.position(node)[0]
                    return f"  {function.module.path}:{line}: awaits {ast.unparse(node.value.func)}(...)"
        return None

    def _chain(self, symbol: str, colour: dict[str, Reason]) -> list[str]:
        lines: list[str] = []
        current: str | None = symbol
        while current is not None:
            reason = colour[current]
            path = self.program.functions[current].module.path
            lines.append(f"  {path}:{reason.line}: {reason.text}")
            current = reason.via
        return lines


def color(program: Program, rules: Rules, final: Collection[str] = (), library: Coloring | None = None) -> Coloring:
    """Colour ``program``. The result does not depend on the order of files.

    ``final`` are paths of modules, and symbols of functions and classes, that are written in the converted form
    already: they are as they stand. With a ``library``, ``program`` was built upon its model, and only the program's
    own functions are coloured.
    """
    flow = Flow(program, rules, library.flow if library is not None else None)
    flow.solve()
    result = Coloring(program, flow, rules, StandIns(flow))
    if library is not None:
        result.coroutine.update(library.coroutine)
        result.settings.update(library.settings)
        result.settings_before.update(library.settings_before)
    return _Colorer(result, frozenset(final)).run()


class _Colorer:
    def __init__(self, result: Coloring, final: frozenset[str]):
        self.result = result
        self.final = final
        self.program = result.program
        self.flow = result.flow
        self.rules = result.rules
        self.families = _families(self.program, self.rules)
        self.callers: dict[str, list[CallSite]] = defaultdict(list)
        self.drawers: dict[str, list[tuple[FunctionInfo, int]]] = defaultdict(list)
        """Functions that loop over another's generator or enter its context manager, with the line."""
        self.binders: dict[str, list[tuple[FunctionInfo, int]]] = defaultdict(list)
        """Functions that make a partial of another with positional arguments, which settings come before."""
        self.plain_branches = _PlainBranches(self.program)
        self.leaves = self._leaf_seeds()
        self.threaded = loops_of_threads(self.flow)
        self.bridged: set[ast.Call] = set()
        """Calls that a function which nobody awaits hands to an event loop of its own."""

    def run(self) -> Coloring:
        self._collect_calls()
        self._collect_drawers()
        self._interchangeable()
        for theirs, own in self.result.stand_ins.pairs:
            self.families.join(theirs, own)
        coroutine, settings = self.result.coroutine, self.result.settings
        source = self._source_coroutines()
        seeds = {**self._library_seeds(coroutine), **({} if self._is_program else source), **self._coroutine_seeds()}
        self._spread(coroutine, seeds, self._color_coroutine)
        self._spread_to_what_blocks()
        self._set_apart(source)
        self._spread(settings, {**self._library_seeds(settings), **self._settings_seeds()}, self._color_settings)
        self._list_unresolved()
        return self.result

    # -- call sites -----------------------------------------------------------------------------------------------

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
        if self.flow.base is None or scope.function is None or not self._is_not_awaited(scope.function):
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
        plain = any(isinstance(v, Plain) for v in values) or self.plain_branches.covers(node, scope)
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
                if isinstance(node, ast.For | ast.comprehension):
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
        """``tools[name](...)`` where nothing is known of the elements but that they can be called."""
        if not isinstance(node.func, ast.Subscript) or values - {Opaque()}:
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

    def _interchangeable(self) -> None:
        """Functions that reach the same call stand for each other, so they share their colours."""
        for site in self.result.calls:
            if len(site.targets) > 1 and not site.supplied:
                first, *others = site.targets
                for other in others:
                    self.families.join(first.symbol, other.symbol)

    # -- seeds ----------------------------------------------------------------------------------------------------

    @property
    def _is_program(self) -> bool:
        """Whether it is a user's program, and not the library itself."""
        return self.program.own is not None

    def _source_coroutines(self) -> dict[str, Reason]:
        own = (function for function in self.program.own_functions() if function.is_async)
        return {f.symbol: Reason("is a coroutine in the source", f.position[0]) for f in own}

    def _set_apart(self, source: Mapping[str, Reason]) -> None:
        """A program's coroutine functions that no colour reached: what calls or runs them is not the library's."""
        self.result.apart.update(source.keys() - self.result.coroutine.keys())
        self.result.coroutine.update({symbol: source[symbol] for symbol in sorted(self.result.apart)})

    def _coroutine_seeds(self) -> dict[str, Reason]:
        seeds = {**self._in_place_of_renamed(), **self.leaves}
        for site in self.result.calls:
            function = site.function
            if site.supplied and function is not None and not function.is_in(self.final):
                names = ", ".join(site.supplied)
                seeds.setdefault(function.symbol, Reason(f"calls what a user supplies ({names})", site.position[0]))
        return seeds

    def _in_place_of_renamed(self) -> dict[str, Reason]:
        """Functions that are put where the library used to call a sync function, and now calls a coroutine."""
        renamed = {rule.old: rule.new for rule in self.rules.renamed}
        seeds: dict[str, Reason] = {}
        for symbol, name in self.result.stand_ins.external.items():
            if name in renamed and symbol in self.program.functions:
                line = self.program.functions[symbol].position[0]
                seeds[symbol] = Reason(f"is put in the place of {renamed[name]}", line)
        return seeds

    def _library_seeds(self, colour: Mapping[str, Reason]) -> dict[str, Reason]:
        """Own functions that call coloured ones of the library, or stand for them."""
        seeds: dict[str, Reason] = {}
        if self.program.own is None:
            return seeds
        for site in self.result.calls:
            if site.node in self.bridged:
                continue
            if site.made and site.function is not None:
                reason = Reason("calls what the library makes a coroutine function", site.position[0])
                seeds.setdefault(site.function.symbol, reason)
            for target in site.targets:
                if site.function is not None and target.symbol in colour and not self._needs_none(site, colour):
                    reason = Reason(f"{site.function.symbol} calls {target.symbol}", site.position[0])
                    seeds.setdefault(site.function.symbol, reason)
        for function in self.program.own_functions():
            for relative in self.families.members(function.symbol):
                if relative in colour and not self.program.owns(relative):
                    seeds.setdefault(function.symbol, Reason(f"stands for {relative}", function.position[0]))
        return seeds

    def _needs_none(self, site: CallSite, colour: Mapping[str, Reason]) -> bool:
        return site.hands_on and colour is self.result.settings

    def _leaf_seeds(self) -> dict[str, Reason]:
        seeds: dict[str, Reason] = {}
        decorators = {rule.symbol for rule in self.rules.decorator}
        for function in self.program.own_functions():
            for decorator in function.decorators:
                target = resolve_dotted(self.program, function.module, decorator)
                if target is not None and f"{target.module}:{target.name}" in decorators:
                    self.result.matches[f"decorator:{target.module}:{target.name}"] += 1
                    seeds[function.symbol] = Reason(f"is decorated with {decorator}", function.position[0])
        for rule in self.rules.leaf:
            for function in _leaf_functions(self.program, rule.symbol):
                if not self.program.owns(function.symbol):
                    continue
                self.result.matches[f"leaf:{rule.symbol}"] += 1
                seeds.setdefault(function.symbol, Reason(rule.reason, function.position[0]))
                if rule.settings_before:
                    self.result.settings_before[function.symbol] = rule.settings_before
        return seeds

    def _settings_seeds(self) -> dict[str, Reason]:
        without = {
            f.symbol
            for rule in self.rules.leaf
            if not rule.settings
            for f in _leaf_functions(self.program, rule.symbol)
        }
        seeds = {symbol: reason for symbol, reason in self.leaves.items() if symbol not in without}
        for function in self.program.own_functions():
            if self.flow.settings_parameters.name(function) is not None:
                seeds.setdefault(function.symbol, Reason("takes settings in the source", function.position[0]))
        for site in self.result.calls:
            if site.supplied and site.function is not None and not site.function.is_in(self.final):
                reason = Reason(
                    f"hands settings to what a user supplies ({', '.join(site.supplied)})", site.position[0]
                )
                seeds.setdefault(site.function.symbol, reason)
        for scope in self.flow.scopes:
            if scope.function is None:
                continue
            for node in [] if scope.function.is_in(self.final) else settings_reads(self.flow, scope):
                reason = Reason(f"reads {ast.unparse(node)}", scope.module.position(node)[0])
                seeds.setdefault(scope.function.symbol, reason)
        return seeds

    # -- fixpoint -------------------------------------------------------------------------------------------------

    def _spread(self, colour: dict[str, Reason], seeds: dict[str, Reason], paint: _Paint) -> None:
        wave = [(symbol, seeds[symbol]) for symbol in sorted(seeds)]
        while wave:
            following: dict[str, Reason] = {}
            for symbol, reason in wave:
                painted = paint(self.program.functions[symbol], reason)
                if painted is None or painted.symbol in colour:
                    continue
                colour[painted.symbol] = reason
                for relative in self.families.members(painted.symbol):
                    if relative not in colour and self.program.owns(relative):
                        text = f"stands for {painted.symbol} (override or interchangeable)"
                        following.setdefault(
                            relative, Reason(text, self.program.functions[relative].position[0], painted.symbol)
                        )
                for site in self.callers[painted.symbol]:
                    if self._needs_none(site, colour):
                        continue
                    if site.function is not None and site.function.symbol not in colour:
                        text = f"{site.function.symbol} calls {painted.symbol}"
                        following.setdefault(site.function.symbol, Reason(text, site.position[0], painted.symbol))
                is_coroutine = colour is self.result.coroutine
                users, how = (self.drawers, "draws from") if is_coroutine else (self.binders, "makes a partial of")
                for function, line in users[painted.symbol]:
                    if function.symbol not in colour:
                        text = f"{function.symbol} {how} {painted.symbol}"
                        following.setdefault(function.symbol, Reason(text, line, painted.symbol))
            wave = [(symbol, following[symbol]) for symbol in sorted(following)]

    def _spread_to_what_blocks(self) -> None:
        """A plain function that holds up the loop, directly or through others, waits where a coroutine calls it."""
        blocking = self._blocking_functions()
        while True:
            seeds: dict[str, Reason] = {}
            for symbol in sorted(blocking - set(self.result.coroutine)):
                if symbol in self.result.stand_ins.handed:
                    line = self.program.functions[symbol].position[0]
                    seeds.setdefault(symbol, Reason("blocks, and the library calls it on its event loop", line))
                for site in self.callers[symbol]:
                    if site.relay is None and site.function is not None and self.result.is_coroutine(site.function):
                        text = f"blocks, and {site.function.symbol} calls it"
                        seeds.setdefault(symbol, Reason(text, self.program.functions[symbol].position[0]))
            blocking -= set(seeds)
            if not seeds:
                return
            self._spread(self.result.coroutine, seeds, self._color_coroutine)

    def _blocking_functions(self) -> set[str]:
        found: set[str] = set()
        queue = [s.function for s in self.result.calls if s.function is not None and self._blocks(s)]
        while queue:
            function = queue.pop()
            if function.symbol not in found and not function.is_async and not function.is_in(self.final):
                found.add(function.symbol)
                queue.extend(site.function for site in self.callers[function.symbol] if site.function is not None)
        return found

    def _blocks(self, site: CallSite) -> bool:
        return not site.targets and blocks(self.flow, site.node, site.scope)

    def _color_coroutine(self, function: FunctionInfo, reason: Reason) -> FunctionInfo | None:
        if function.is_in(self.final) and not function.is_async:
            return None
        if cannot_wait(function) or self._is_not_awaited(function):
            self.result.walls.add(function.symbol)
            self._wall("wall-coroutine", function, reason, "cannot be a coroutine")
            return None
        return function

    def _is_not_awaited(self, function: FunctionInfo) -> bool:
        """Whether somebody calls a program's function who would not await it."""
        if self.program.own is None or function.is_async:
            return False
        return function.symbol in self.threaded or is_not_awaited(self.flow, function)

    def _color_settings(self, function: FunctionInfo, reason: Reason) -> FunctionInfo | None:
        if self._is_final_without_settings(function):
            return None
        owner = self._settings_owner(function)
        if is_entry(self.rules, self.program, owner) or self._is_registered(owner) or owner.symbol in self.threaded:
            return None
        if owner.parent is not None and self._is_not_awaited(owner.parent):
            # It is run by an event loop of its own, with the settings of what is around it.
            return None
        if binds_settings(self.flow, owner) or self._is_final_without_settings(owner):
            return None
        if _is_called_by_the_language(owner) or owner.name in ("__init__", *_ASYNC_PROTOCOL):
            self._wall("wall-settings", owner, reason, "cannot take settings")
            return None
        return owner

    def _is_registered(self, function: FunctionInfo) -> bool:
        """Whether a framework calls it, and nobody in the program does: it is called without settings."""
        callers = [site for site in self.callers[function.symbol] if site.function is not function]
        return self.program.own is not None and not callers and is_registered(self.flow, function)

    def _is_final_without_settings(self, function: FunctionInfo) -> bool:
        return function.is_in(self.final) and "settings" not in {a.arg for a in function.arguments}

    def _settings_owner(self, function: FunctionInfo) -> FunctionInfo:
        """A nested function that stays plain closes over the settings of the function around it."""
        current = function
        while current.parent is not None and current.owner is None and not self.result.is_coroutine(current):
            if (
                self.flow.settings_parameters.name(current) is not None
                or current.symbol in self.result.stand_ins.handed
            ):
                break
            current = current.parent
        return current

    def _wall(self, rule: str, function: FunctionInfo, reason: Reason, what: str) -> None:
        finding = Finding(rule, function.module.path, reason.line, f"{function.symbol} {what}: {reason.text}")
        if finding in self.result.findings or self._is_said(finding):
            return
        self.result.findings.append(finding)

    def _is_said(self, finding: Finding) -> bool:
        """In a user's program what cannot wait needs no settings either: one finding says it."""
        if self.program.own is None or finding.rule != "wall-settings":
            return False
        place = finding.path, finding.line
        return any((f.path, f.line) == place and f.rule == "wall-coroutine" for f in self.result.findings)

    # -- unresolved -----------------------------------------------------------------------------------------------

    def _list_unresolved(self) -> None:
        coloured_methods = self._coloured_methods()
        settled = {name: rule.names[0] for rule in self.rules.method for name in rule.names}
        for site in self.result.calls:
            if site.plain or self._is_final(site):
                continue
            if site.known:
                why = self._why_foreign(site, coloured_methods)
            else:
                why = self._why_unresolved(site, coloured_methods, settled)
            if why and self._concerns_library(site):
                self.result.unresolved.append(
                    Finding(
                        "unresolved",
                        site.scope.module.path,
                        site.position[0],
                        f"{ast.unparse(site.node.func)}(...): {why}",
                    )
                )

    def _coloured_methods(self) -> set[str]:
        """Names of methods that may be coroutines or take settings.

        Of what a user's program calls on an object of which nothing is known, a name that most classes of the library
        have for something else says nothing.
        """
        methods = [f for f in self.program.functions.values() if f.owner is not None]
        coloured = Counter(f.name for f in methods if self.result.is_coroutine(f) or self.result.takes_settings(f))
        if self.program.own is None:
            return set(coloured)
        every = Counter(f.name for f in methods)
        return {name for name, count in coloured.items() if 2 * count >= every[name]}

    def _concerns_library(self, site: CallSite) -> bool:
        """Whether a call of a user's program may have to do with the library: nothing else is a user's to look at."""
        if self.program.own is None:
            return True
        callee = site.node.func
        if isinstance(callee, ast.Attribute):
            return not hasattr(str, callee.attr) and self._uses_library(site.scope.module)
        if isinstance(callee, ast.Name) and callee.id[:1].isupper() and not self.flow.is_bound(callee.id, site.scope):
            return False  # By its name it is a class, which the text at hand does not show.
        return self._uses_library(site.scope.module)

    def _uses_library(self, module: ModuleInfo) -> bool:
        imported = {target[0] for (name, _), target in self.program.imports.items() if name == module.name}
        roots = {name.split(".")[0] for name in self.program.modules if not self.program.owns(name)}
        scopes = [scope for scope in self.flow.scopes if scope.module is module]
        local = {target.module for scope in scopes for target in scope.imports.values()}
        stars = set(self.program.stars[module.name])
        return any(each.split(".")[0] in roots or self.program.owns(each) for each in imported | local | stars)

    def _is_final(self, site: CallSite) -> bool:
        if site.function is not None:
            return site.function.is_in(self.final)
        return site.scope.module.path in self.final

    def _why_unresolved(self, site: CallSite, coloured: set[str], settled: Mapping[str, str]) -> str | None:
        callee = site.node.func
        if isinstance(callee, ast.Call) and dotted(callee.func) == "type":
            return None
        if isinstance(callee, ast.Attribute):
            if callee.attr in settled:
                self.result.matches[f"method:{settled[callee.attr]}"] += 1
                return None
            if self._holds_callable(callee, site.scope) and (
                callee.attr in coloured or not self._is_of_its_kind(callee, site.scope)
            ):
                return f"an attribute of an object of this package that holds an unknown callable: .{callee.attr}"
            if callee.attr in coloured:
                return f"nothing is known of its receiver, and .{callee.attr} may be a coroutine"
            return None
        if isinstance(callee, ast.Name):
            return "a variable that holds an unknown callable"
        return "calls the result of an expression"

    def _why_foreign(self, site: CallSite, coloured: set[str]) -> str | None:
        """An object of another package, called by a name of DSPy's protocols, and handed one of its programs."""
        callee = site.node.func
        if self.program.own is None or site.targets or not isinstance(callee, ast.Attribute):
            return None
        if callee.attr not in coloured or self.flow.values(callee.value, site.scope) != frozenset({OBJECT}):
            return None
        handed = [*site.node.args, *(keyword.value for keyword in site.node.keywords)]
        values = [value for node in handed for value in self.flow.values(node, site.scope)]
        if not any(isinstance(v, Instance) and self._is_of_library(self.program.classes[v.cls]) for v in values):
            return None
        return f"its receiver is of another package, which may wait for what it is handed, and .{callee.attr} with it"

    def _is_of_library(self, cls: ClassInfo) -> bool:
        called = cls.find_method("__call__")
        return called is not None and self.result.is_coroutine(called)

    def _holds_callable(self, callee: ast.Attribute, scope: Scope) -> bool:
        """Whether an object of the package is asked for something its class does not define."""
        bases = self.flow.values(callee.value, scope)
        held = [self.program.classes[b.cls] for b in bases if isinstance(b, Instance)]
        return bool(held) and len(held) == len(bases) and not any(cls.has_external_base() for cls in held)

    def _is_of_its_kind(self, callee: ast.Attribute, scope: Scope) -> bool:
        """Whether a variable's name says that it may hold other classes too, one of which defines what is asked for."""
        rule = self.flow.name_rules.get(callee.value.id) if isinstance(callee.value, ast.Name) else None
        if rule is None or rule.type not in self.program.classes:
            return False
        return bool(self.flow.attribute(Instance(rule.type), callee.attr) - {OBJECT})


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


def settings_reads(flow: Flow, scope: Scope) -> list[ast.expr]:
    """Expressions in ``scope`` that are the process's settings object, however it was imported."""
    found: list[ast.expr] = []
    skip: set[ast.AST] = {n.value for n in iter_own(scope.node) if changes_default(n, flow)}
    for node in iter_own(scope.node):
        if node in skip or not isinstance(node, ast.Name | ast.Attribute) or not isinstance(node.ctx, ast.Load):
            continue
        if is_settings_object(flow, node, scope) or context_alias(flow, node, scope):
            found.append(node)
            skip.update(walk(node))
    return found


def changes_default(node: ast.AST, flow: Flow) -> TypeGuard[ast.Attribute]:
    """``dspy.settings.configure`` in a program that uses the library: it changes the process's own, and stays."""
    return isinstance(node, ast.Attribute) and node.attr == "configure" and flow.base is not None


def is_settings_object(flow: Flow, node: ast.expr, scope: Scope) -> bool:
    """Whether ``node`` names the settings object itself (not a parameter or variable that holds one)."""
    target = _global_target(flow, node, scope)
    return target == tuple(flow.rules.settings.object_symbol.split(":"))


def context_alias(flow: Flow, node: ast.expr, scope: Scope) -> bool:
    """Whether ``node`` is a module-level alias of the settings' context method, such as ``dspy.context``."""
    target = _global_target(flow, node, scope)
    if target is None:
        return False
    module, name = target
    if name is None or name != flow.rules.settings.context_method:
        return False
    held = flow.held(("G", module, name))
    method = f"{flow.rules.settings.class_symbol}.{flow.rules.settings.context_method}"
    return any(isinstance(v, FunctionRef) and v.function == method for v in held)


def _global_target(flow: Flow, node: ast.expr, scope: Scope) -> tuple[str, str | None] | None:
    from codemods.program.names import follow, resolve_global

    name = dotted(node)
    if name is None:
        return None
    first, *rest = name.split(".")
    function = scope.function
    while function is not None:
        if first in function.locals:
            imported = flow.scope_of[function.node].imports.get(first)
            target = follow(flow.program, imported, rest) if imported is not None else None
            return (target.module, target.name) if target is not None else None
        function = function.parent
    target = follow(flow.program, resolve_global(flow.program, scope.module.name, first), rest)
    return (target.module, target.name) if target is not None and not target.external else None


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


def cannot_wait(function: FunctionInfo) -> bool:
    """Whether it has to stay plain; an asynchronous generator neither returns a value nor yields from another."""
    if function.is_async:
        return False
    return _is_called_by_the_language(function) or function.delegates or function.returns_from_generator


def _is_called_by_the_language(function: FunctionInfo) -> bool:
    name = function.name
    if function.is_async:
        return False
    if function.is_property:
        return True
    is_dunder = name.startswith("__") and name.endswith("__") and function.owner is not None
    return is_dunder and name not in _AWAITABLE_DUNDERS


def _leaf_functions(program: Program, symbol: str) -> list[FunctionInfo]:
    """The function of that symbol and its overrides; a method that only subclasses define counts too."""
    if symbol in program.functions and program.functions[symbol].owner is None:
        return [program.functions[symbol]]
    class_symbol, _, pattern = symbol.rpartition(".")
    cls = program.classes.get(class_symbol)
    if cls is None:
        return []
    found: list[FunctionInfo] = []
    for member in [cls, *cls.descendants()]:
        for name, method in sorted(member.methods.items()):
            if name == pattern or (pattern.endswith("*") and name.startswith(pattern[:-1])):
                found.append(method)
    return found


class _Families:
    """Disjoint sets of functions that must share their colours."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}
        self._members: dict[str, list[str]] = {}

    def _find(self, symbol: str) -> str:
        while self._parent.get(symbol, symbol) != symbol:
            symbol = self._parent[symbol]
        return symbol

    def join(self, first: str, second: str) -> None:
        a, b = sorted((self._find(first), self._find(second)))
        if a != b:
            self._members[a] = sorted({*self.members(a), *self.members(b)})
            self._parent[b] = a

    def members(self, symbol: str) -> list[str]:
        root = self._find(symbol)
        return self._members.get(root, [root])


def _families(program: Program, rules: Rules) -> _Families:
    families = _Families()
    for symbol in sorted(program.classes):
        cls = program.classes[symbol]
        definers: dict[str, FunctionInfo] = {}
        for base in cls.mro():
            for name, method in base.named_methods().items():
                # The nearest overrides the others: in a class of several bases a mixin's stands for all of them.
                if name != "__init__":
                    families.join(definers.setdefault(name, method).symbol, method.symbol)
    for symbol, others in program.further.items():
        for other in others:
            families.join(symbol, other.symbol)
    for rule in rules.leaf:
        if rule.symbol.endswith("*"):
            continue
        first, *others = _leaf_functions(program, rule.symbol) or [None]
        for other in others:
            if first is not None and other is not None:
                families.join(first.symbol, other.symbol)
    return families


class _PlainBranches:
    """Where ``iscoroutinefunction(fn)`` was asked and said no, ``fn`` is a plain callable."""

    def __init__(self, program: Program):
        self._plain: dict[str, set[str]] = defaultdict(set)
        for function in program.own_functions():
            for node in iter_own(function.node):
                if isinstance(node, ast.If):
                    self._learn(program, function, node)

    def _learn(self, program: Program, function: FunctionInfo, node: ast.If) -> None:
        tested = _tested_name(node.test)
        if tested is None:
            return
        statements = node.orelse or _after(function.node, node)
        for statement in statements:
            for child in walk(statement):
                if isinstance(child, ast.FunctionDef) and child in program.function_of:
                    self._plain[program.function_of[child].symbol].add(tested)
                elif isinstance(child, ast.Name) and child.id in function.nested:
                    nested = function.nested[child.id]
                    if not nested.is_async:
                        self._plain[nested.symbol].add(tested)

    def covers(self, node: ast.Call, scope: Scope) -> bool:
        callee = node.func
        function = scope.function
        return (
            isinstance(callee, ast.Name) and function is not None and callee.id in self._plain.get(function.symbol, ())
        )


def _tested_name(test: ast.expr) -> str | None:
    if isinstance(test, ast.Call) and (dotted(test.func) or "").endswith("iscoroutinefunction") and test.args:
        return dotted(test.args[0])
    return None


def _after(function: ast.AST, statement: ast.If) -> list[ast.stmt]:
    """What follows an ``if`` whose body leaves the function."""
    if not statement.body or not isinstance(statement.body[-1], ast.Return | ast.Raise):
        return []
    body: list[ast.stmt] = [] if isinstance(function, ast.Lambda) else getattr(function, "body", [])
    if statement in body:
        return body[body.index(statement) + 1 :]
    return []
