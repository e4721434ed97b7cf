"""What variables hold, and who has read it: where the values of the analysis are kept.

Of a library's analysis nothing is changed: what a program puts into its variables is kept beside it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable

from codemods.program.model import Program
from codemods.program.scopes import Scope
from codemods.program.values import YIELD, ClassRef, Container, FunctionRef, Instance, Stub, Value, Values, Variable

Question = tuple[Value, str] | tuple[ast.expr, Scope]
"""An attribute of a value, or an annotation in a scope."""
_CONTAINER_LIMIT = 40
"""How many containers a variable may hold before they are taken for one."""


class Variables:
    """What each variable holds. What has read one is noted, and is stale when that has grown.

    Args:
        program: whose variables they are.
        base: those of the library that the program uses.
        scopes: how many scopes there are; each is stale at first.
    """

    def __init__(self, program: Program, base: Variables | None, scopes: int):
        self.points_to: dict[Variable, set[Value]] = {}
        self.handed_in: set[Variable] = set()
        """Variables of the library that the program puts things of its own into."""
        self.stale: set[int] = set(range(scopes))
        """Scopes to go through, by index: something that they read has grown."""
        self.reader: int | Question | None = None
        """Who reads now: a scope that is gone through, or a question that is being answered."""
        self._program = program
        self._base = base
        self._readers: dict[Variable | Question, set[int | Question]] = {}
        self._answers: dict[Question, Values] = {}
        self._merged: dict[str, str] = {}
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
        if values <= current:
            return
        if self._merged:
            values = {self._canonical_value(value) for value in values}
        if values <= current:
            return
        current |= values
        self._wake(variable)
        if len(current) > _CONTAINER_LIMIT:
            self._merge_containers(current)

    def held(self, variable: Variable) -> set[Value]:
        """What a variable holds, the library's included."""
        variable = self._canonical(variable)
        self._note(variable)
        own = self.points_to.get(variable)
        if self._base is None or (own is not None and variable not in self.handed_in):
            return own if own is not None else set()
        return self._base.held(variable) | own if own is not None else self._base.held(variable)

    def answered(self, question: Question, work_out: Callable[[], Values]) -> Values:
        """The answer to a question: the one that is kept, or else what ``work_out`` says.

        What an attribute or an annotation holds is asked for hundreds of times, and read off several variables each
        time. Answers are kept until one of these grows; whoever asked has then read them, and is asked again.
        """
        self._note(question)
        known = self._answers.get(question)
        if known is not None:
            return known
        asker, self.reader = self.reader, question
        try:
            answer = work_out()
        finally:
            self.reader = asker
        self._answers[question] = answer
        return answer

    def _note(self, read: Variable | Question) -> None:
        if self.reader is not None:
            self._readers.setdefault(read, set()).add(self.reader)

    def _wake(self, grown: Variable | Question) -> None:
        for reader in self._readers.get(grown, ()):
            if isinstance(reader, int):
                self.stale.add(reader)
            elif self._answers.pop(reader, None) is not None:
                self._wake(reader)

    def __getstate__(self) -> dict[str, object]:
        """Without what only the way to the fixpoint needs."""
        return {**self.__dict__, "_readers": {}, "_answers": {}, "_foreign": set()}

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
        gone = {site for site in sites[1:] if site != root}
        current -= {Container(site) for site in gone}
        current.add(Container(root))
        for site in gone:
            self._merged[site] = root
        for variable in [v for v in self.points_to if v[0] in ("E", "T") and v[1] in gone]:
            held = self.points_to.pop(variable, None)
            if held is None:
                continue  # What was added before has led to another merge, which took it along.
            self._wake(variable)
            self.add((variable[0], root, *variable[2:]), held)

    def _canonical_site(self, site: str) -> str:
        while site in self._merged:
            site = self._merged[site]
        return site

    def _canonical(self, variable: Variable) -> Variable:
        if self._merged and variable[0] in ("E", "T") and variable[1] in self._merged:
            return variable[0], self._canonical_site(variable[1]), *variable[2:]
        return variable

    def _canonical_value(self, value: Value) -> Value:
        if isinstance(value, Container) and value.site in self._merged:
            return Container(self._canonical_site(value.site))
        return value
