"""Functions that must have the same colours: overrides of each other, and what can stand for each other."""

from __future__ import annotations

from codemods.program import FunctionInfo, Program
from codemods.rules import Rules


def leaf_functions(program: Program, symbol: str) -> list[FunctionInfo]:
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


class Families:
    """Disjoint sets of functions that must share their colours."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}
        self._members: dict[str, list[str]] = {}

    def _find(self, symbol: str) -> str:
        while self._parent.get(symbol, symbol) != symbol:
            symbol = self._parent[symbol]
        return symbol

    def join(self, first: str, second: str) -> None:
        """Let the sets of two symbols be one."""
        a, b = sorted((self._find(first), self._find(second)))
        if a != b:
            self._members[a] = sorted({*self.members(a), *self.members(b)})
            self._parent[b] = a

    def members(self, symbol: str) -> list[str]:
        """Symbols of a function's set, its own among them, sorted."""
        root = self._find(symbol)
        return self._members.get(root, [root])


def beside_generators(program: Program, families: Families) -> frozenset[str]:
    """Plain functions that are no generators, and stand for such of the same name: they give one, or raise.

    Nobody awaits what gives a generator, so they stay plain functions where those become asynchronous, unless they
    have something to wait for themselves.
    """
    generators = [function for function in program.functions.values() if function.is_generator]
    members = {member: each.name for each in generators for member in families.members(each.symbol)}
    plain = [f for f in program.own_functions() if not f.is_generator and not f.is_async]
    return frozenset(f.symbol for f in plain if members.get(f.symbol) == f.name)


def families_of(program: Program, rules: Rules) -> Families:
    """Overrides, further definitions under one name, and what one rule names."""
    families = Families()
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
        first, *others = leaf_functions(program, rule.symbol) or [None]
        for other in others:
            if first is not None and other is not None:
                families.join(first.symbol, other.symbol)
    return families
