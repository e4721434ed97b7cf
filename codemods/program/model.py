"""The program model: modules, classes and functions of a package, read once with :mod:`ast`.

Every later question (who overrides whom, what a name means, where a call stands) is a look-up here.
Positions are ``(line, column)``: lines from 1, columns from 0 in characters, as LibCST counts them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codemods.program.names import Target

Position = tuple[int, int]
Placed = ast.stmt | ast.expr | ast.keyword | ast.excepthandler
"""Nodes that have a place in the source."""
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
"""With its end, as Python counts lines."""
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(eq=False)
class ModuleInfo:
    """One source file. ``name`` is dotted, ``path`` is posix and relative to the release's root."""

    name: str
    path: str
    text: str
    tree: ast.Module
    is_package: bool
    ascii_only: bool
    lines: list[str]

    def position(self, node: Placed) -> Position:
        """Where ``node`` starts; ``ast`` counts columns in bytes, this in characters."""
        line, column = node.lineno, node.col_offset
        if self.ascii_only:
            return line, column
        text = self.lines[line - 1]
        return line, len(text.encode()[:column].decode())

    def segment(self, node: ast.expr) -> str:
        """The text of ``node``, as ``ast.get_source_segment``, which splits the whole text at every call."""
        assert node.end_lineno is not None and node.end_col_offset is not None
        lines = self._whole_lines[node.lineno - 1 : node.end_lineno]
        lines[-1] = lines[-1].encode()[: node.end_col_offset].decode()
        lines[0] = lines[0].encode()[node.col_offset :].decode()
        return "".join(lines)

    @cached_property
    def _whole_lines(self) -> list[str]:
        return _LINE.findall(self.text)


@dataclass(eq=False)
class ClassInfo:
    """A class statement. ``bases`` holds those of the package, ``external_bases`` the others, dotted."""

    qualname: str
    module: ModuleInfo
    node: ast.ClassDef
    scope: FunctionInfo | None
    bases: list[ClassInfo] = field(default_factory=list["ClassInfo"])
    external_bases: list[str] = field(default_factory=list[str])
    subclasses: list[ClassInfo] = field(default_factory=list["ClassInfo"])
    methods: dict[str, FunctionInfo] = field(default_factory=dict[str, "FunctionInfo"])
    annotations: dict[str, ast.expr] = field(default_factory=dict[str, ast.expr])
    aliases: dict[str, str] = field(default_factory=dict[str, str])
    """Second names of methods: ``acall = __call__``."""

    @property
    def name(self) -> str:
        """Its name in the source."""
        return self.node.name

    def named_methods(self) -> dict[str, FunctionInfo]:
        """The methods of this class's own body by each of their names."""
        second = {alias: self.methods[name] for alias, name in self.aliases.items() if name in self.methods}
        return {**second, **self.methods}

    @cached_property
    def symbol(self) -> str:
        """``module:qualname``."""
        return f"{self.module.name}:{self.qualname}"

    @property
    def is_protocol(self) -> bool:
        """Whether it only says what others have: what a call of its methods reaches may be the user's."""
        return any(base.split(".")[-1] == "Protocol" for base in self.external_bases)

    def add_base(self, base: ClassInfo) -> None:
        """Make this class one of ``base``'s subclasses."""
        self.bases.append(base)
        base.subclasses.append(self)
        self._forget_family()

    def leave(self, base: ClassInfo) -> None:
        """Take this class out of ``base``'s subclasses; it goes on knowing its base."""
        base.subclasses.remove(self)
        self._forget_family()

    def _forget_family(self) -> None:
        """What was worked out of the classes above and below no longer holds."""
        above = list(self._lineage(()))
        self.__dict__.pop("_descendants", None)
        for cls in [*above, *self.descendants()]:
            cls.__dict__.pop("_descendants", None)
            cls.__dict__.pop("_mro", None)

    def mro(self) -> list[ClassInfo]:
        """This class and its bases in the package, nearest first; a base of several comes after all of them."""
        return self._mro

    @cached_property
    def _mro(self) -> list[ClassInfo]:
        last: dict[str, ClassInfo] = {}
        for cls in self._lineage(()):
            last.pop(cls.symbol, None)
            last[cls.symbol] = cls
        return list(last.values())

    def _lineage(self, below: tuple[ClassInfo, ...]) -> Iterator[ClassInfo]:
        """Depth first, with what is reached twice named twice; invalid code may have circles."""
        yield self
        for base in self.bases:
            if base not in (*below, self):
                yield from base._lineage((*below, self))

    def descendants(self) -> list[ClassInfo]:
        """All subclasses, direct or not, ordered by symbol."""
        return self._descendants

    @cached_property
    def _descendants(self) -> list[ClassInfo]:
        found: dict[str, ClassInfo] = {}
        stack = list(self.subclasses)
        while stack:
            current = stack.pop()
            if current.symbol not in found:
                found[current.symbol] = current
                stack.extend(current.subclasses)
        return [found[key] for key in sorted(found)]

    def find_method(self, name: str) -> FunctionInfo | None:
        """The method that objects of the class have under a name, inherited or its own."""
        for cls in self.mro():
            if name in cls.methods:
                return cls.methods[name]
        return None

    def has_external_base(self) -> bool:
        """Whether it derives from a class of another package, directly or not."""
        return any(cls.external_bases for cls in self.mro())


@dataclass(eq=False)
class FunctionInfo:
    """A ``def``, ``async def`` or ``lambda``. ``owner`` is its class, ``parent`` the enclosing function."""

    qualname: str
    module: ModuleInfo
    node: FunctionNode
    owner: ClassInfo | None
    parent: FunctionInfo | None
    decorators: tuple[str, ...] = ()
    nested: dict[str, FunctionInfo] = field(default_factory=dict[str, "FunctionInfo"])
    locals: set[str] = field(default_factory=set[str])
    nonlocals: set[str] = field(default_factory=set[str])
    is_generator: bool = False
    delegates: bool = False
    """Whether it uses what a ``yield from`` gives, for which an asynchronous generator has no form."""
    is_sent_values: bool = False
    """Whether it yields, and uses what is sent to it."""
    returns_from_generator: bool = False
    """Whether it yields, and returns a value, which an asynchronous generator cannot."""

    @property
    def name(self) -> str:
        """Its name in the source, ``<lambda>`` for a lambda."""
        return "<lambda>" if isinstance(self.node, ast.Lambda) else self.node.name

    @cached_property
    def symbol(self) -> str:
        """``module:qualname``."""
        return f"{self.module.name}:{self.qualname}"

    @property
    def position(self) -> Position:
        """Where it stands: line from 1, column from 0."""
        return self.module.position(self.node)

    @property
    def is_lambda(self) -> bool:
        """Whether it is a lambda."""
        return isinstance(self.node, ast.Lambda)

    @property
    def is_async(self) -> bool:
        """Whether it is defined with ``async def``."""
        return isinstance(self.node, ast.AsyncFunctionDef)

    @property
    def is_static(self) -> bool:
        """Whether it is a static method."""
        return "staticmethod" in self.decorators

    @property
    def is_classmethod(self) -> bool:
        """Whether it is handed its class first."""
        return "classmethod" in self.decorators or self.name in ("__new__", "__init_subclass__", "__class_getitem__")

    @property
    def is_property(self) -> bool:
        """Whether it is called by reading, writing or deleting an attribute."""
        return any(d in ("property", "cached_property", "functools.cached_property") for d in self.decorators) or any(
            d.endswith((".setter", ".getter", ".deleter")) for d in self.decorators
        )

    @property
    def is_overload(self) -> bool:
        """Whether it only declares one of a function's forms."""
        return any(d.split(".")[-1] == "overload" for d in self.decorators)

    @property
    def is_contextmanager(self) -> bool:
        """Whether a decorator makes a context manager of it."""
        return any(d.split(".")[-1] in ("contextmanager", "asynccontextmanager") for d in self.decorators)

    @property
    def is_method(self) -> bool:
        """Whether it is handed its object or class first."""
        return self.owner is not None and not self.is_static

    @property
    def has_receiver(self) -> bool:
        """Whether an object comes first: in a method, and in a function that is written to be put in one's place."""
        if self.is_method:
            return bool(self.arguments)
        return self.owner is None and bool(self.arguments) and self.arguments[0].arg == "self"

    @property
    def arguments(self) -> list[ast.arg]:
        """Positional parameters, ``self`` included."""
        return [*self.node.args.posonlyargs, *self.node.args.args]

    @property
    def first_parameter(self) -> str | None:
        """The first parameter after ``self`` or ``cls``."""
        names = [argument.arg for argument in self.arguments]
        if self.has_receiver:
            names = names[1:]
        return names[0] if names else None

    def is_in(self, places: Collection[str]) -> bool:
        """Whether ``places`` (paths, or symbols of functions and classes) hold this function or what it stands in."""
        parts = self.qualname.split(".")
        prefixes = (".".join(parts[: count + 1]) for count in range(len(parts)))
        return self.module.path in places or any(f"{self.module.name}:{prefix}" in places for prefix in prefixes)

    def settings_index(self) -> int:
        """Where ``settings`` stands among the positional parameters."""
        return 1 if self.has_receiver else 0


@dataclass(repr=False)
class Program:
    """All modules of a package by dotted name, with its classes and functions by symbol (``module:qualname``)."""

    modules: dict[str, ModuleInfo]
    classes: dict[str, ClassInfo]
    functions: dict[str, FunctionInfo]
    function_of: dict[ast.AST, FunctionInfo]
    class_of: dict[ast.AST, ClassInfo]
    module_names: dict[str, set[str]]
    imports: dict[tuple[str, str], tuple[str, str | None]]
    stars: dict[str, list[str]]
    exports: dict[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    """What ``__all__`` of a module lists, where it is a plain list."""
    further: dict[str, list[FunctionInfo]] = field(default_factory=dict[str, "list[FunctionInfo]"])
    """Of a function that is defined more than once (overloads, branches): by the first one's symbol, the others."""
    own: frozenset[str] | None = None
    """Names of the modules that are converted, where the rest is a library they use; None where all are."""
    links: list[tuple[ClassInfo, ClassInfo]] = field(default_factory=list[tuple[ClassInfo, ClassInfo]])
    """Bases of the library that own classes were linked to."""
    meant: dict[tuple[str, str], Target | None] = field(default_factory=dict[tuple[str, str], "Target | None"])
    """What names of modules were found to mean: each is asked for some twenty times."""

    def owns(self, place: str) -> bool:
        """Whether a symbol, path or module name belongs to what is converted."""
        return self.own is None or place.split(":", 1)[0] in self._own_places

    @cached_property
    def _own_places(self) -> frozenset[str]:
        return frozenset({*(self.own or ()), *(module.path for module in self.own_modules())})

    def own_modules(self) -> list[ModuleInfo]:
        """The program's own modules, without those of the library that it uses, by name."""
        names = sorted(self.modules) if self.own is None else sorted(self.own)
        return [self.modules[name] for name in names]

    def own_classes(self) -> list[ClassInfo]:
        """The program's own classes, by symbol."""
        return [self.classes[symbol] for symbol in sorted(self.classes) if self.owns(symbol)]

    def own_functions(self) -> list[FunctionInfo]:
        """The program's own functions and lambdas, by symbol."""
        return [self.functions[symbol] for symbol in sorted(self.functions) if self.owns(symbol)]

    def unlink(self) -> None:
        """Take own classes out of the library's again; the library's model can then be used for another program."""
        for base, cls in self.links:
            cls.leave(base)
        self.links.clear()

    def by_path(self) -> Mapping[str, ModuleInfo]:
        """Modules by their path."""
        return {module.path: module for module in self.modules.values()}
