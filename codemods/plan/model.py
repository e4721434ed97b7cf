"""The plan of a file: its edits, each at an exact place of the source. The passes carry them out."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import cast

from codemods.program import Position
from codemods.program.settings_parameters import SETTINGS
from codemods.stages import Finding

Range = tuple[int, int, int, int]
"""First line, first column, last line, last column (exclusive); lines from 1, columns from 0 in characters."""

SUPPLIED = "dspy.utils.supplied"
"""The module of the generated package that holds ``bind`` and ``ready``."""
ITERATORS = {"Iterator": "AsyncIterator", "Iterable": "AsyncIterable", "Generator": "AsyncGenerator"}
"""Annotations of generators, and those of asynchronous ones."""


@dataclass
class FunctionPlan:
    """What becomes of one definition."""

    make_async: bool = False
    settings: bool = False
    positional_only: bool = False
    receiver: bool = False
    """Whether ``self`` or ``cls`` comes first."""
    before: tuple[str, ...] = ()
    checked: bool = False
    """Whether calls are checked for their settings (public coroutines)."""
    async_contextmanager: bool = False
    iterator_module: str | None = None
    """For what becomes an asynchronous generator: the module that its return annotation's ``Iterator`` is from."""
    name: str | None = None
    """Another name that it is defined under."""
    settings_name: str = SETTINGS
    """What the parameter is called."""
    hoist: str | None = None
    """For a lambda: the name of the nested coroutine function that replaces it."""


@dataclass
class CallPlan:
    """What becomes of one call. ``settings`` and ``bind`` are the expressions to hand over."""

    awaited: bool = False
    settings: str | None = None
    index: int = 0
    before: tuple[str, ...] = ()
    """Where settings do not come first: the parameters that they stand before; ``index`` is the position of the first.
    Behind fewer arguments they are handed by name."""
    bind: str | None = None
    helpers: str = ""
    """What stands before ``bind`` and ``ready`` where the file has other things of these names."""
    replacement: str | None = None
    to_thread: bool = False
    bridge: bool = False
    """Whether it runs a coroutine to its end, and what it is handed is awaited instead."""
    relay: int | None = None
    """Which argument is called with those after it, in place of the call."""
    callee: str | None = None
    """What is called instead, with the same arguments."""
    keywords: tuple[tuple[str, str], ...] = ()
    """Keyword arguments to add, with their expressions."""
    renamed_keywords: tuple[tuple[str, str], ...] = ()
    """Keyword arguments that get another name."""
    search: str | None = None
    """``any``, ``all`` or ``next``, of a generator expression that waits: the first of an asynchronous one is it."""


@dataclass
class WithPlan:
    """A ``with`` item: the child's name to bind, or that it is to be entered asynchronously."""

    child: str | None = None
    asynchronous: bool = False


@dataclass
class FilePlan:
    """The edits of one file."""

    path: str
    functions: dict[Position, FunctionPlan] = field(default_factory=dict[Position, FunctionPlan])
    calls: dict[Range, CallPlan] = field(default_factory=dict[Range, CallPlan])
    reads: dict[Range, str] = field(default_factory=dict[Range, str])
    withs: dict[Range, WithPlan] = field(default_factory=dict[Range, WithPlan])
    iterations: set[Range] = field(default_factory=set[Range])
    to_list: set[Range] = field(default_factory=set[Range])
    delegations: dict[Range, str] = field(default_factory=dict[Range, str])
    """Each ``yield from`` that becomes a loop, with the name of what it yields."""
    bare_awaits: set[Range] = field(default_factory=set[Range])
    docstrings: dict[Range, str] = field(default_factory=dict[Range, str])
    """Literals with examples, as they are to be written."""
    annotation: str | None = "Settings"
    """How ``settings`` parameters are annotated."""
    own_package: bool = True
    """Whether the file belongs to the library itself, and not to a program that uses it."""
    strings: dict[Range, str] = field(default_factory=dict[Range, str])
    """String literals to replace, such as the targets of patches."""
    numbers: dict[Range, int] = field(default_factory=dict[Range, int])
    """Integer literals to replace, such as the index of an argument that a mock was called with."""
    imports: set[tuple[str, str | None]] = field(default_factory=set[tuple[str, str | None]])
    """Imports that the edits need: ``(module, name)``."""
    markers: dict[Position, str] = field(default_factory=dict[Position, str])
    """Decorators that tests need to be run as coroutines."""
    fixtures: dict[Range, str] = field(default_factory=dict[Range, str])
    """Names of decorators that make a fixture of a plain function, with what makes one of a coroutine function."""
    renamed: dict[Range, str] = field(default_factory=dict[Range, str])
    """Names of what a test runner gives and calls, such as the base class of tests, with those of what waits."""
    shadowing: set[Position] = field(default_factory=set[Position])
    """Imports of the settings object inside functions that have settings of their own under that name."""
    findings: list[Finding] = field(default_factory=list[Finding])
    matches: list[str] = field(default_factory=list[str])
    """Rules that are met while it is planned, each as often as it is met."""

    def content(self) -> str:
        """All edits as one text, the same for equal plans: what becomes of the file depends on nothing else of it."""
        said = {"findings", "matches"}
        return repr([(each.name, _ordered(getattr(self, each.name))) for each in fields(self) if each.name not in said])

    @property
    def is_empty(self) -> bool:
        """Whether nothing of the file's text changes."""
        parts = (self.functions, self.calls, self.reads, self.withs, self.iterations, self.bare_awaits, self.docstrings)
        parts = (*parts, self.strings, self.numbers, self.markers, self.fixtures, self.shadowing, self.delegations)
        parts = (*parts, self.renamed)
        return not any(parts)


def _ordered(value: object) -> object:
    if isinstance(value, dict):
        entries = list(cast("dict[object, object]", value).items())
    elif isinstance(value, set):
        entries = list(cast("set[object]", value))
    else:
        return value
    return sorted(entries, key=repr)
