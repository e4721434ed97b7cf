"""Which functions become coroutines and which take ``settings``: a fixpoint over the call graph.

The colours spread from leaves (callbacks, user-supplied callables, declared protocols, upstream's own coroutines,
reads of settings) to callers, and across override families. Each carries its reason, so that the chain down to the
leaf can be shown. Calls whose target is not known are listed, never guessed.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Mapping
from functools import partial

from codemods.blocking import blocks
from codemods.coloring.calls import CallGraph, needs_none
from codemods.coloring.families import beside_generators, families_of
from codemods.coloring.model import CallSite, Coloring, Reason
from codemods.coloring.seeds import Seeds
from codemods.coloring.unresolved import Unresolved
from codemods.coloring.walls import Walls
from codemods.program import FunctionInfo, Program
from codemods.program.flow import Flow
from codemods.program.scopes import Scope
from codemods.program.stand_ins import StandIns
from codemods.program.values import YIELD, Container
from codemods.rules import Rules

_Paint = Callable[[FunctionInfo, Reason], FunctionInfo | None]
"""Who gets a colour that has reached a function, for a reason."""


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
    return _Colors(result, frozenset(final)).spread()


class _Colors:
    """The two colours of one program, on their way."""

    def __init__(self, result: Coloring, final: frozenset[str]):
        self.result = result
        self.final = final
        self.program = result.program
        self.flow = result.flow
        self.walls = Walls(result, final)
        self.graph = CallGraph(result, self.walls)
        self.families = families_of(self.program, result.rules)
        self.seeds = Seeds(result, self.graph, self.families, final)

    def spread(self) -> Coloring:
        """From the seeds to whatever they reach, first what waits, then what takes settings."""
        self._interchangeable()
        for theirs, own in self.result.stand_ins.pairs:
            self.families.join(theirs, own)
        self._beside_generators = beside_generators(self.program, self.families)
        coroutine, settings = self.result.coroutine, self.result.settings
        source = self.seeds.in_the_source()
        is_program = self.program.own is not None
        seeds = {**self.seeds.by_the_library(coroutine), **({} if is_program else source), **self.seeds.coroutines()}
        self._spread(coroutine, seeds, self.walls.waits)
        self._spread_to_what_blocks()
        self._check_what_is_given()
        self._set_apart(source)
        taking = {**self.seeds.by_the_library(settings), **self.seeds.settings()}
        self._spread(settings, taking, partial(self.walls.takes, callers=self.graph.callers))
        Unresolved(self.result, self.final).note()
        return self.result

    def _interchangeable(self) -> None:
        """Functions that reach the same call stand for each other, so they share their colours."""
        for site in self.result.calls:
            if len(site.targets) > 1 and not site.supplied:
                first, *others = site.targets
                for other in others:
                    self.families.join(first.symbol, other.symbol)

    def _set_apart(self, source: Mapping[str, Reason]) -> None:
        """A program's coroutine functions that no colour reached: what calls or runs them is not the library's."""
        self.result.apart.update(source.keys() - self.result.coroutine.keys())
        self.result.coroutine.update({symbol: source[symbol] for symbol in sorted(self.result.apart)})

    def _check_what_is_given(self) -> None:
        """A function that stays plain beside an asynchronous generator has to give one: its callers go through it."""
        for symbol in sorted(self._beside_generators - self.result.coroutine.keys()):
            relatives = [self.program.functions[each] for each in self.families.members(symbol)]
            if not any(each.is_generator and self.result.is_coroutine(each) for each in relatives):
                continue
            function = self.program.functions[symbol]
            scope = self.flow.scope_of[function.node]
            for node in scope.nodes:
                if isinstance(node, ast.Return) and node.value is not None and self._is_plain(node.value, scope):
                    reason = Reason(f"returns {ast.unparse(node.value)}", scope.module.position(node)[0])
                    self.walls.gives_no_generator(function, reason)

    def _is_plain(self, node: ast.expr, scope: Scope) -> bool:
        """Whether what an expression holds can be gone through, and not asynchronously."""
        generators, _ = self.flow.generators(node, scope)
        if any(not self.result.is_coroutine(each) for each in generators):
            return True
        return any(isinstance(v, Container) and not v.site.endswith(YIELD) for v in self.flow.values(node, scope))

    def _spread(self, colour: dict[str, Reason], seeds: dict[str, Reason], paint: _Paint) -> None:
        """Give a colour to what it reaches, wave by wave: to families, callers, and who draws or binds."""
        wave = [(symbol, seeds[symbol]) for symbol in sorted(seeds)]
        while wave:
            following: dict[str, Reason] = {}
            for symbol, reason in wave:
                painted = paint(self.program.functions[symbol], reason)
                if painted is None or painted.symbol in colour:
                    continue
                colour[painted.symbol] = reason
                is_coroutine = colour is self.result.coroutine
                beside = self._beside_generators if is_coroutine else frozenset[str]()
                for relative in self.families.members(painted.symbol):
                    if relative not in colour and relative not in beside and self.program.owns(relative):
                        text = f"stands for {painted.symbol} (override or interchangeable)"
                        following.setdefault(
                            relative, Reason(text, self.program.functions[relative].position[0], painted.symbol)
                        )
                for site in self.graph.callers[painted.symbol]:
                    if needs_none(self.result, site, colour):
                        continue
                    if painted.is_generator and site.function is not None and site.function.symbol in beside:
                        continue  # It hands on what it is given; if it went through that, it would draw from it.
                    if site.function is not None and site.function.symbol not in colour:
                        text = f"{site.function.symbol} calls {painted.symbol}"
                        following.setdefault(site.function.symbol, Reason(text, site.position[0], painted.symbol))
                users = self.graph.drawers if is_coroutine else self.graph.binders
                how = "draws from" if is_coroutine else "makes a partial of"
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
                for site in self.graph.callers[symbol]:
                    if site.relay is None and site.function is not None and self.result.is_coroutine(site.function):
                        text = f"blocks, and {site.function.symbol} calls it"
                        seeds.setdefault(symbol, Reason(text, self.program.functions[symbol].position[0]))
            blocking -= set(seeds)
            if not seeds:
                return
            self._spread(self.result.coroutine, seeds, self.walls.waits)

    def _blocking_functions(self) -> set[str]:
        found: set[str] = set()
        queue = [s.function for s in self.result.calls if s.function is not None and self._blocks(s)]
        while queue:
            function = queue.pop()
            if function.symbol not in found and not function.is_async and not function.is_in(self.final):
                found.add(function.symbol)
                queue.extend(site.function for site in self.graph.callers[function.symbol] if site.function is not None)
        return found

    def _blocks(self, site: CallSite) -> bool:
        return not site.targets and blocks(self.flow, site.node, site.scope)
