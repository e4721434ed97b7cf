"""What variables hold, and who has read it: where the values of the analysis are kept.

Of a library's analysis nothing is changed: what a program puts into its variables is kept beside it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from codemods.program.model import ClassInfo, Program
from codemods.program.scopes import Scope
from codemods.program.values import (
    YIELD,
    ClassRef,
    Container,
    External,
    FunctionRef,
    Instance,
    Stub,
    Value,
    Values,
    Variable,
)

Question = tuple[Value, str] | tuple[ast.expr, Scope]
"""An attribute of a value, or an annotation in a scope."""
_CONTAINER_LIMIT = 40
"""How many containers a variable may hold before they are taken for one."""


@dataclass(eq=False)
class Asked:
    """A question: its answer, unless something that was read for it has grown since, and who has asked it."""

    answer: Values | None = None
    readers: set[int | Asked] = field(default_factory=set["int | Asked"])


class Variables:
    """What each variable holds. What has read one is noted, and is stale when that has grown.

    Args:
        program: whose variables they are.
        base: those of the library that the program uses.
        steps: how many steps there are; each is stale at first.
    """

    def __init__(self, program: Program, base: Variables | None, steps: int):
        self.points_to: dict[Variable, set[Value]] = {}
        self.handed_in: set[Variable] = set()
        """Variables of the library that the program puts things of its own into."""
        self.stale: set[int] = set(range(steps))
        """Steps to go through, by index: something that they read has grown."""
        self.reader: int | Asked | None = None
        """Who reads now: a step that is gone through, or a question that is being answered."""
        self._program = program
        self._base = base
        self._readers: dict[Variable, set[int | Asked]] = {}
        self._asked: dict[Question, Asked] = {}
        self._promised: dict[Variable, frozenset[str]] = {}
        self._merged: dict[str, str] = {}
        self._gone: set[Value] = set()
        """Containers that another one stands for."""
        self._tuples: set[str] = set()
        """Containers whose places are told apart, by their site."""
        self._places: dict[str, set[Variable]] = {}
        """The places of each that were asked for, or hold something."""
        self._foreign: set[Value] = set()
        """Values that were seen not to be the program's own: most are, and are met thousands of times."""

    def add(self, variable: Variable, values: Values | set[Value]) -> None:
        """Let a variable hold these, too. Of a library's variable only what is the program's own is noted."""
        variable = self._canonical(variable)
        if self._base is not None and not self._program.owns(variable[1]):
            values = self._own_of(values)
            if not values:
                return
            self.handed_in.add(variable)
        current = self.points_to.setdefault(variable, set())
        new = values - current
        kept = self._promised.get(variable)
        if kept is not None and new:
            new = {value for value in new if _may_be(value, kept)}
        if not self._gone.isdisjoint(new):
            new = self._canonical_values(new) - current
        if not new:
            return
        current |= new
        self._wake(self._readers.get(variable, ()))
        if len(current) > _CONTAINER_LIMIT:
            self._merge_containers(current)

    def promise(self, variable: Variable, classes: Collection[ClassInfo]) -> None:
        """Let a variable hold nothing else than what may be an object of one of these classes."""
        related = {each.symbol for cls in classes for each in (*cls.mro(), *cls.descendants())}
        self._promised[variable] = frozenset(related)

    def held(self, variable: Variable) -> set[Value]:
        """What a variable holds, the library's included."""
        variable = self._canonical(variable)
        self._note(variable)
        own = self.points_to.get(variable)
        if self._base is None or (own is not None and variable not in self.handed_in):
            return own if own is not None else set()
        return self._base.held(variable) | own if own is not None else self._base.held(variable)

    def tell_places_apart(self, site: str) -> None:
        """Say of a container, before anything holds it, that each of its places is a variable of its own."""
        self._tuples.add(site)

    def held_at(self, site: str, index: int) -> set[Value]:
        """What stands in a place of a container: of one whose places are not told apart, what any of them holds."""
        return self.held(self._place(site, index) if self._has_places(site) else ("E", site))

    def add_at(self, site: str, index: int, values: Values) -> None:
        """Let a place of a container hold these, too."""
        self.add(self._place(site, index), values)

    def _place(self, site: str, index: int) -> Variable:
        place = ("T", site, str(index))
        self._places.setdefault(site, set()).add(place)
        return place

    def _has_places(self, site: str) -> bool:
        return site in self._tuples or (self._base is not None and self._base._has_places(site))

    def answered(self, question: Question, work_out: Callable[[], Values]) -> Values:
        """The answer to a question: the one that is kept, or else what ``work_out`` says.

        What an attribute or an annotation holds is asked for hundreds of times, and read off several variables each
        time. Answers are kept until one of these grows; whoever asked has then read them, and is asked again.
        """
        asked = self._asked.get(question)
        if asked is None:
            asked = self._asked[question] = Asked()
        asker = self.reader
        if asker is not None:
            asked.readers.add(asker)
        if asked.answer is None:
            self.reader = asked
            try:
                asked.answer = work_out()
            finally:
                self.reader = asker
        return asked.answer

    def _note(self, read: Variable) -> None:
        if self.reader is not None:
            self._readers.setdefault(read, set()).add(self.reader)

    def _wake(self, readers: Iterable[int | Asked]) -> None:
        for reader in readers:
            if isinstance(reader, int):
                self.stale.add(reader)
            elif reader.answer is not None:
                reader.answer = None
                self._wake(reader.readers)

    def __getstate__(self) -> dict[str, object]:
        """Without what only the way to the fixpoint needs."""
        return {**self.__dict__, "_readers": {}, "_asked": {}, "_foreign": set()}

    def _own_of(self, values: Values | set[Value]) -> Values | set[Value]:
        left = values - self._foreign
        own = {value for value in left if self.is_own(value)}
        self._foreign |= left - own
        return own

    def is_own(self, value: Value) -> bool:
        """Whether a value is the program's own, where what it uses is a library."""
        if isinstance(value, Instance | ClassRef):
            return self._program.owns(value.cls)
        if isinstance(value, Stub):
            return True
        return isinstance(value, FunctionRef) and self._program.owns(value.function)

    def _merge_containers(self, current: set[Value]) -> None:
        """Take the containers of a variable that holds very many for one: what any of them holds, all hold.

        Code that moves JSON about makes a container at every turn. That loses nothing, and keeps the analysis linear.
        """
        found = {value.site for value in current if isinstance(value, Container)}
        sites = sorted(site for site in found if not site.endswith(YIELD))
        if len(sites) <= _CONTAINER_LIMIT:
            return
        root = sites[0]
        gone = sites[1:]
        self._gone |= {Container(site) for site in gone}
        current -= self._gone
        for site in sites:
            self._merged[site] = root
        # Places are told apart no more, those of the one that stands for all neither.
        places = {place for site in sites for place in self._places.pop(site, ())}
        variables = sorted({("E", site) for site in gone} | places)
        for variable in variables:
            self._wake(self._readers.pop(variable, ()))
        for variable in variables:
            held = self.points_to.pop(variable, None)
            if held is not None:  # What was added before may have led to another merge, which took it along.
                self.add(variable, held)

    def _canonical_site(self, site: str) -> str:
        while (root := self._merged.get(site, site)) != site:
            site = root
        return site

    def _canonical(self, variable: Variable) -> Variable:
        """The variable that stands for one: of containers that are taken for one, no places are told apart."""
        if self._merged and variable[0] in ("E", "T") and variable[1] in self._merged:
            return "E", self._canonical_site(variable[1])
        return variable

    def _canonical_values(self, values: Values | set[Value]) -> Values | set[Value]:
        gone = {value.site for value in values & self._gone if isinstance(value, Container)}
        return (values - self._gone) | {Container(self._canonical_site(site)) for site in gone}


def _may_be(value: Value, classes: frozenset[str]) -> bool:
    """Whether a value may be an object of one of these classes: of another package's objects nothing is known."""
    return value.cls in classes if isinstance(value, Instance) else isinstance(value, External | Stub)
