"""The colours: which functions wait and which take settings, with the reason of each, and every call."""

from __future__ import annotations

import ast
from collections import defaultdict
from dataclasses import dataclass, field

from codemods.program import FunctionInfo, Position, Program
from codemods.program.flow import Flow
from codemods.program.scopes import Scope
from codemods.program.stand_ins import StandIns
from codemods.rules import Rules
from codemods.settings_names import settings_name
from codemods.stages import Finding


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
        """The function whose body it stands in; None in a module or class."""
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
        """Whether it is, or becomes, a coroutine function."""
        return function.symbol in self.coroutine

    def is_apart(self, function: FunctionInfo) -> bool:
        """Whether it is a program's coroutine function that has nothing to do with the library."""
        return function.symbol in self.apart

    def is_coloured(self, function: FunctionInfo) -> bool:
        """Whether it is a coroutine function that has to do with the library."""
        return self.is_coroutine(function) and not self.is_apart(function)

    def takes_settings(self, function: FunctionInfo) -> bool:
        """Whether it takes settings, or is given them."""
        return function.symbol in self.settings

    def settings_name(self, function: FunctionInfo) -> str:
        """What a function's settings are called, those it has or is to be given."""
        return settings_name(self.flow, function)
