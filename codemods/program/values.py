"""Abstract values: what an expression may hold at run time, as far as the code tells."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Instance:
    """An object of a class of the package; ``cls`` is the class's symbol."""

    cls: str


@dataclass(frozen=True)
class ClassRef:
    """A class of the package; ``cls`` is its symbol."""

    cls: str


@dataclass(frozen=True)
class SuperRef:
    """What ``super()`` gives inside a method of ``cls``."""

    cls: str


@dataclass(frozen=True)
class FunctionRef:
    """A function of the package; ``bound`` where its ``self`` is given, ``given`` where other arguments are, too."""

    function: str
    bound: bool = False
    given: bool = False


@dataclass(frozen=True)
class ModuleRef:
    """A module of the package, by its dotted name."""

    name: str


@dataclass(frozen=True)
class External:
    """Something of another package, of the standard library or a literal; ``name`` is dotted.

    Objects made by calling such a thing are not told apart (:data:`OBJECT`), which keeps the analysis small.
    """

    name: str

    @property
    def is_object(self) -> bool:
        """Whether it is something made by another package, of which no more is known."""
        return self.name == "object()"

    def attribute(self, name: str) -> External:
        """What its attribute of that name is."""
        return self if self.is_object else External(f"{self.name}.{name}")

    def called(self) -> External:
        """What calling it gives."""
        return OBJECT


@dataclass(frozen=True)
class Container:
    """A list, dict, tuple, set, generator: its elements are a variable of their own, keyed by where it was made."""

    site: str


@dataclass(frozen=True)
class Supplied:
    """A callable that a user supplies: sync or async, with or without ``settings``; ``name`` is the rule's."""

    name: str


@dataclass(frozen=True)
class Plain:
    """A callable that a rule declares never to be a coroutine."""

    name: str


@dataclass(frozen=True)
class Made:
    """A coroutine function that the library's function ``maker`` (a symbol) made of something."""

    maker: str
    settings: bool


@dataclass(frozen=True)
class Stub:
    """An object of ``unittest.mock``, made by the call (or by the patch) at ``site``."""

    site: str


@dataclass(frozen=True)
class Opaque:
    """A callable of which nothing is known but that it is one (an annotation said ``Callable``)."""


Value = (
    Opaque
    | Instance
    | ClassRef
    | SuperRef
    | FunctionRef
    | ModuleRef
    | External
    | Container
    | Supplied
    | Plain
    | Stub
    | Made
)
Values = frozenset[Value]
Variable = tuple[str, ...]
NOTHING: Values = frozenset()
OBJECT = External("object()")

YIELD = ":yield"
"""How the site of a generator's container ends; before it stands the function's symbol."""
