"""Why a function has its colours: the chain of calls down to the leaf, one line a call."""

from __future__ import annotations

import ast
from collections import defaultdict

from codemods.coloring.model import CallSite, Coloring, Reason
from codemods.program.build import iter_own
from codemods.program.values import External


class Chains:
    """The ways from functions down to what they wait for, or take settings for.

    Args:
        coloring: the colours; its calls are looked through once.
    """

    def __init__(self, coloring: Coloring):
        self.coloring = coloring
        self._calls: dict[str, list[CallSite]] = defaultdict(list)
        for site in coloring.calls:
            if site.function is not None:
                self._calls[site.function.symbol].append(site)

    def of(self, symbol: str) -> list[str]:
        """The chain from ``symbol`` down to its leaf, one line a call, for each colour. Empty if it has none."""
        lines: list[str] = []
        for title, colour in (("coroutine", self.coloring.coroutine), ("settings", self.coloring.settings)):
            if symbol in colour:
                lines.append(f"{symbol}: {title}")
                lines.extend(self._chain(symbol, colour))
        if symbol in self.coloring.coroutine:
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
            for site in self._calls.get(current, []):
                for target in self._reached(site):
                    inner = self.coloring.program.functions[target].parent is not None
                    if target not in came and target != symbol and (nested or not inner):
                        came[target] = (current, site.position[0])
                        queue.append(target)
        return []

    def _way(self, start: str, end: str, came: dict[str, tuple[str, int]]) -> list[str]:
        steps: list[str] = []
        while end != start:
            caller, line = came[end]
            steps.append(f"  {self.coloring.program.functions[caller].module.path}:{line}: {caller} calls {end}")
            end = caller
        return steps[::-1]

    def _reached(self, site: CallSite) -> list[str]:
        """Coroutines a call may run: its targets, and what overrides a target that only declares."""
        reached = [target.symbol for target in site.targets if target.symbol in self.coloring.coroutine]
        for target in site.targets:
            for cls in target.owner.descendants() if target.owner is not None else ():
                if target.name in cls.methods and cls.methods[target.name].symbol in self.coloring.coroutine:
                    reached.append(cls.methods[target.name].symbol)
        return reached

    def _leaf_of(self, symbol: str) -> str | None:
        """The line where a function waits for something that is not of this package, if it does."""
        function = self.coloring.program.functions[symbol]
        scope = self.coloring.flow.scope_of[function.node]
        for site in self._calls.get(symbol, []):
            if site.supplied:
                text = f"calls what a user supplies ({', '.join(site.supplied)})"
                return f"  {function.module.path}:{site.position[0]}: {text}"
        for node in iter_own(function.node):
            if (
                isinstance(node, ast.Await)
                and isinstance(node.value, ast.Call)
                and isinstance(node.value.func, ast.Attribute)
            ):
                values = self.coloring.flow.values(node.value.func, scope)
                if values and all(isinstance(value, External) for value in values):
                    line = function.module.position(node)[0]
                    return f"  {function.module.path}:{line}: awaits {ast.unparse(node.value.func)}(...)"
        return None

    def _chain(self, symbol: str, colour: dict[str, Reason]) -> list[str]:
        lines: list[str] = []
        current: str | None = symbol
        while current is not None:
            reason = colour[current]
            path = self.coloring.program.functions[current].module.path
            lines.append(f"  {path}:{reason.line}: {reason.text}")
            current = reason.via
        return lines
