"""What the colours start from: the source's own coroutines, rules, callbacks, reads of settings, the library."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from codemods.coloring.calls import CallGraph, needs_none
from codemods.coloring.families import Families, leaf_functions
from codemods.coloring.model import Coloring, Reason
from codemods.coloring.settings_object import settings_reads
from codemods.program.names import resolve_dotted


class Seeds:
    """What each colour starts from.

    Args:
        result: the coloring, its calls collected; rules that match are counted there.
        graph: who calls whom.
        families: functions that share their colours.
        final: paths and symbols that are as they stand.
    """

    def __init__(self, result: Coloring, graph: CallGraph, families: Families, final: frozenset[str]):
        self.result = result
        self.program = result.program
        self.flow = result.flow
        self.rules = result.rules
        self.graph = graph
        self.families = families
        self.final = final
        self.leaves = self._leaf_seeds()
        """Functions that a rule or a decorator colours."""

    def in_the_source(self) -> dict[str, Reason]:
        """A program's, or the library's, own coroutine functions."""
        own = (function for function in self.program.own_functions() if function.is_async)
        return {f.symbol: Reason("is a coroutine in the source", f.position[0]) for f in own}

    def coroutines(self) -> dict[str, Reason]:
        """Functions that wait because of what a user supplies, of a rule, or of what they stand for."""
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

    def by_the_library(self, colour: Mapping[str, Reason]) -> dict[str, Reason]:
        """Own functions that call coloured ones of the library, or stand for them."""
        seeds: dict[str, Reason] = {}
        if self.program.own is None:
            return seeds
        for site in self.result.calls:
            if site.node in self.graph.bridged:
                continue
            if site.made and site.function is not None:
                reason = Reason("calls what the library makes a coroutine function", site.position[0])
                seeds.setdefault(site.function.symbol, reason)
            for target in site.targets:
                if site.function is not None and target.symbol in colour and not needs_none(self.result, site, colour):
                    reason = Reason(f"{site.function.symbol} calls {target.symbol}", site.position[0])
                    seeds.setdefault(site.function.symbol, reason)
        for function in self.program.own_functions():
            for relative in self.families.members(function.symbol):
                if relative in colour and not self.program.owns(relative):
                    seeds.setdefault(function.symbol, Reason(f"stands for {relative}", function.position[0]))
        return seeds

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
            for function in leaf_functions(self.program, rule.symbol):
                if not self.program.owns(function.symbol):
                    continue
                self.result.matches[f"leaf:{rule.symbol}"] += 1
                seeds.setdefault(function.symbol, Reason(rule.reason, function.position[0]))
                if rule.settings_before:
                    self.result.settings_before[function.symbol] = rule.settings_before
        return seeds

    def settings(self) -> dict[str, Reason]:
        """Functions that take settings already, read them, or hand them to what a user supplies."""
        without = {
            f.symbol for rule in self.rules.leaf if not rule.settings for f in leaf_functions(self.program, rule.symbol)
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
