"""A small model of the generated package: names, classes, methods, and which call certainly makes a coroutine."""

from __future__ import annotations

import ast
import asyncio
import collections
import concurrent.futures
import contextlib
import contextvars
import copy
import datetime
import io
import logging
import pathlib
import queue
import random
import re
import socket
import subprocess
import threading
import types
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import cast

from codemods.syntax import LEAVES, children, walk

PACKAGE = "dspy"
"""The import name of what is verified."""

# Types whose values are everywhere without a name that says so. A method name of theirs proves nothing.
_COMMON = (
    str, bytes, list, dict, set, tuple, int, float, io.TextIOWrapper, types.GeneratorType, types.CoroutineType,
    asyncio.Condition, asyncio.Event, asyncio.Lock, asyncio.Queue, asyncio.StreamReader, asyncio.StreamWriter,
    asyncio.AbstractEventLoop, asyncio.Task, collections.deque, concurrent.futures.Executor, concurrent.futures.Future,
    contextlib.ExitStack, contextvars.Context, datetime.datetime, logging.Logger, pathlib.Path, queue.Queue,
    random.Random, re.Match, re.Pattern, socket.socket, subprocess.Popen, threading.Condition, threading.Event,
    threading.Thread,
)  # fmt: skip
_FOREIGN_METHODS = frozenset(name for kind in _COMMON for name in dir(kind))

Function = ast.FunctionDef | ast.AsyncFunctionDef
Names = dict[str, ast.AST | None]
Values = dict[str, list[ast.expr]]
_FUNCTIONS = frozenset({ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda})
_CLOSED = _FUNCTIONS | {ast.ClassDef} | LEAVES
_NAMED = frozenset({ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom})
"""What binds a name that other places go by."""
_BINDING = frozenset(
    {ast.Global, ast.Nonlocal, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Name, ast.ExceptHandler}
)
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@dataclass
class Class:
    """A class of the package. Bases are what the text calls them, resolved on demand."""

    module: str
    name: str
    node: ast.ClassDef
    methods: dict[str, Function] = field(default_factory=dict[str, Function])
    attributes: dict[str, ast.expr] = field(default_factory=dict[str, ast.expr])


@dataclass
class Module:
    """A module: its tree, what each name at its top level is bound to, all nodes, and their parents."""

    name: str
    path: str
    tree: ast.Module
    functions: dict[str, Function] = field(default_factory=dict[str, Function])
    classes: dict[str, Class] = field(default_factory=dict[str, Class])
    imports: dict[str, str] = field(default_factory=dict[str, str])
    stars: list[str] = field(default_factory=list[str])
    rebound: set[str] = field(default_factory=set[str])
    definitions: list[Function] = field(default_factory=list["Function"])
    nodes: list[ast.AST] = field(default_factory=list[ast.AST])
    """As `walk` gives them."""
    parents: dict[ast.AST, ast.AST] = field(default_factory=dict[ast.AST, ast.AST])
    _around: dict[ast.AST, tuple[Function | ast.Lambda, ...]] = field(
        default_factory=dict[ast.AST, "tuple[Function | ast.Lambda, ...]"]
    )
    _values: dict[ast.AST, dict[str, list[ast.expr]]] = field(
        default_factory=dict[ast.AST, "dict[str, list[ast.expr]]"]
    )
    _names: dict[ast.AST, dict[str, ast.AST | None]] = field(default_factory=dict[ast.AST, "dict[str, ast.AST | None]"])

    def enclosing(self, node: ast.AST) -> Iterator[ast.AST]:
        """The nodes around one, innermost first."""
        while (parent := self.parents.get(node)) is not None:
            yield parent
            node = parent

    def functions_around(self, node: ast.AST) -> tuple[Function | ast.Lambda, ...]:
        """The functions and lambdas whose body holds the node, innermost first; a decorator or default is outside."""
        if node not in self._around:
            self._around[node] = tuple(self._find_functions_around(node))
        return self._around[node]

    def _find_functions_around(self, node: ast.AST) -> Iterator[Function | ast.Lambda]:
        for above in self.enclosing(node):
            if above.__class__ in _FUNCTIONS:
                assert isinstance(above, Function | ast.Lambda)
                if node is above.body if isinstance(above, ast.Lambda) else isinstance(node, ast.stmt):
                    yield above
            node = above

    def local_names(self, function: Function | ast.Lambda) -> Names:
        """The names a function binds: a nested function where it is the only binding, else None."""
        if function not in self._names:
            self._names[function] = bindings(function)
        return self._names[function]

    def assigned(self, function: Function | ast.Lambda) -> Values:
        """What a function assigns to each of its variables."""
        if function not in self._values:
            found: dict[str, list[ast.expr]] = defaultdict(list)
            for node in walk_body(function):
                for target in node.targets if isinstance(node, ast.Assign) else ():
                    if isinstance(target, ast.Name):
                        found[target.id].append(cast("ast.Assign", node).value)
            self._values[function] = found
        return self._values[function]

    def is_local(self, name: ast.Name) -> bool:
        """Whether a function around the name binds it: a parameter or a variable, and not a global."""
        return any(name.id in self.local_names(function) for function in self.functions_around(name))

    def class_around(self, node: ast.AST) -> Class | None:
        """The class a method belongs to, for a node anywhere in the method."""
        for above in self.enclosing(node):
            if isinstance(above, ast.ClassDef):
                return next((found for found in self.classes.values() if found.node is above), None)
        return None


Target = Function | Class


class Package:
    """The modules, classes and functions, and what a call certainly reaches."""

    def __init__(self, trees: Mapping[str, ast.Module]) -> None:
        self._take([read_module(path, tree) for path, tree in trees.items()])

    def with_program(self, trees: Mapping[str, ast.Module]) -> Package:
        """The package with the files of a program that uses it; what is read of the package stays as it is."""
        found = copy.copy(self)
        found._take([*self.modules.values(), *(read_module(path, tree) for path, tree in trees.items())])
        return found

    def module_at(self, path: str) -> Module:
        """The module that a file holds. Raises KeyError for a file that was not given."""
        return next(module for module in self.modules.values() if module.path == path)

    def _take(self, modules: Iterable[Module]) -> None:
        self.modules = {module.name: module for module in modules}
        self.definitions: dict[str, list[Function]] = defaultdict(list)
        self._functions: dict[tuple[str, ast.expr], Function | None] = {}
        for module in self.modules.values():
            for node in module.definitions:
                self.definitions[node.name].append(node)
        self._coroutines = {node for nodes in self.definitions.values() for node in nodes if is_coroutine(node)}
        self.coroutines = sum(node in self._coroutines for nodes in self.definitions.values() for node in nodes)
        classes = [cls for module in self.modules.values() for cls in module.classes.values()]
        methods = {name for cls in classes for name in cls.methods}
        self._methods = frozenset(id(method) for cls in classes for method in cls.methods.values())
        # `x.name(...)` of an unknown `x` makes a coroutine for certain if nothing else goes by that name.
        self._only_async = frozenset(
            name
            for name in methods - _FOREIGN_METHODS
            if self._coroutines.issuperset(self.definitions[name]) and not name.startswith("__")
        )

    def lookup(self, dotted: str, seen: frozenset[str] = frozenset()) -> Target | Module | None:
        """What a full dotted name stands for, through re-exports; None where that is not certain."""
        if dotted in seen:
            return None
        if dotted in self.modules:
            return self.modules[dotted]
        parent, _, name = dotted.rpartition(".")
        owner = self.lookup(parent, seen | {dotted}) if parent else None
        return self.in_module(owner, name, seen | {dotted}) if isinstance(owner, Module) else None

    def in_module(self, module: Module, name: str, seen: frozenset[str] = frozenset()) -> Target | Module | None:
        """What a name at a module's top level stands for."""
        if name in module.rebound:
            return None
        found = module.functions.get(name) or module.classes.get(name)
        if found is not None:
            return found
        if name in module.imports:
            return self.lookup(module.imports[name], seen)
        for star in module.stars:
            if (found := self.lookup(f"{star}.{name}", seen)) is not None:
                return found
        return self.modules.get(f"{module.name}.{name}")

    def mro(self, cls: Class, seen: frozenset[int] = frozenset()) -> Iterator[Class]:
        """The class and its bases inside the package, depth first; enough to find a method."""
        if id(cls) in seen:
            return
        yield cls
        for base in cls.node.bases:
            target = self.expression(self.modules[cls.module], base)
            if isinstance(target, Class):
                yield from self.mro(target, seen | {id(cls)})

    def method(self, cls: Class, name: str, *, skip: bool = False) -> Function | None:
        """A method by name, the class's own first; with `skip` from its bases only."""
        for index, owner in enumerate(self.mro(cls)):
            if name in owner.methods and not (skip and index == 0):
                return owner.methods[name]
        return None

    def expression(self, module: Module, node: ast.expr) -> Target | Module | None:
        """What a name or dotted name in the text stands for; a local variable hides a global one."""
        if isinstance(node, ast.Name):
            for function in module.functions_around(node):
                names = module.local_names(function)
                if node.id in names:
                    bound = names[node.id]
                    return bound if isinstance(bound, Function) else None
            return self.in_module(module, node.id)
        if isinstance(node, ast.Attribute):
            owner = self.expression(module, node.value)
            return self.in_module(owner, node.attr) if isinstance(owner, Module) else None
        return None

    def type_of(self, module: Module, node: ast.expr) -> Class | None:
        """The class of a value, where the text says so: a constructor call, `self.x`, a local variable, a parameter."""
        if isinstance(node, ast.Call):
            target = self.expression(module, node.func)
            return target if isinstance(target, Class) else None
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
            cls = module.class_around(node)
            for owner in self.mro(cls) if cls else ():
                if node.attr in owner.attributes:
                    value = owner.attributes[node.attr]
                    known = isinstance(value, ast.Call | ast.Name)
                    return self.type_of(self.modules[owner.module], value) if known else None
        if isinstance(node, ast.Name):
            return self._type_of_name(module, node)
        return None

    def _type_of_name(self, module: Module, name: ast.Name) -> Class | None:
        functions = module.functions_around(name)
        if not functions or isinstance(functions[0], ast.Lambda):
            return None
        function = functions[0]
        values = module.assigned(function).get(name.id, [])
        parameters = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        parameter = next((each for each in parameters if each.arg == name.id), None)
        if parameter is not None:
            target = self.expression(module, parameter.annotation) if parameter.annotation and not values else None
            return target if isinstance(target, Class) else None
        names = module.local_names(function)
        if len(values) == 1 and name.id in names and isinstance(values[0], ast.Call):
            return self.type_of(module, values[0])
        return None

    def is_method(self, function: Function) -> bool:
        """Whether a function stands in the body of a class."""
        return id(function) in self._methods

    def reaches(self, module: Module, call: ast.Call) -> str | None:
        """The coroutine a call makes, as a reader would write it; None if it makes none for certain."""
        found = self.function(module, call.func)
        if found is not None:
            return ast.unparse(call.func) if found in self._coroutines else None
        if isinstance(call.func, ast.Attribute) and call.func.attr in self._only_async:
            if self._outside(module, call.func.value):
                return None
            return ast.unparse(call.func)
        return None

    def function(self, module: Module, func: ast.expr) -> Function | None:
        """The function behind a callee, if it is one of the package's and the text leaves no doubt."""
        key = (module.name, func)  # Equal texts have one tree.
        if key not in self._functions:
            self._functions[key] = self._find_function(module, func)
        return self._functions[key]

    def _find_function(self, module: Module, func: ast.expr) -> Function | None:
        target = self.expression(module, func)
        if isinstance(target, Function):
            return target
        if target is not None:
            return None
        if isinstance(func, ast.Attribute):
            return self._attribute(module, func)
        cls = self.type_of(module, func)
        return self.method(cls, "__call__") if cls else None

    def _attribute(self, module: Module, func: ast.Attribute) -> Function | None:
        owner = module.class_around(func)
        if isinstance(func.value, ast.Name) and func.value.id in ("self", "cls") and owner is not None:
            method = self.method(owner, func.attr)
            if method is not None:
                return method
            cls = self.type_of(module, func)
            return self.method(cls, "__call__") if cls else None
        if isinstance(func.value, ast.Call) and isinstance(func.value.func, ast.Name) and func.value.func.id == "super":
            return self.method(owner, func.attr, skip=True) if owner is not None else None
        cls = self.type_of(module, func.value)
        return self.method(cls, func.attr) if cls else None

    def _outside(self, module: Module, node: ast.expr) -> bool:
        """Whether a receiver is imported from elsewhere or a literal, so that its methods are not the package's."""
        while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
            node = node.func if isinstance(node, ast.Call) else node.value
        if isinstance(node, ast.Name):
            origin = module.imports.get(node.id)
            return origin is not None and origin.split(".")[0] != PACKAGE
        return True


def called_name(decorator: ast.expr) -> str:
    """The last part of a decorator's name, whether or not the decorator is called."""
    node = decorator.func if isinstance(decorator, ast.Call) else decorator
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def is_coroutine(node: ast.AST) -> bool:
    """Whether a definition makes a coroutine function; an async generator is none."""
    return isinstance(node, ast.AsyncFunctionDef) and not any(
        isinstance(part, ast.Yield | ast.YieldFrom) for part in walk_body(node)
    )


@lru_cache(8192)  # Each function is asked for it by several checks.
def walk_body(function: Function | ast.Lambda) -> tuple[ast.AST, ...]:
    """All nodes a function runs itself: nested functions and classes are left out, comprehensions are not."""
    found: list[ast.AST] = []
    stack: list[ast.AST] = list(function.body) if isinstance(function, Function) else [function.body]
    while stack:
        node = stack.pop()
        found.append(node)
        if node.__class__ not in _CLOSED:
            stack += children(node)
    return tuple(found)


def bindings(function: Function | ast.Lambda) -> Names:
    """Names that a function binds, parameters among them, each with the one place that binds it, if there is one."""
    arguments = function.args
    names: dict[str, ast.AST | None] = {
        each.arg: None
        for each in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        if each is not None
    }
    free: set[str] = set()
    for node in walk_body(function):
        if node.__class__ not in _BINDING:
            continue
        if isinstance(node, ast.Name):
            if not isinstance(node.ctx, ast.Load):
                names[node.id] = None
        elif isinstance(node, ast.Global | ast.Nonlocal):
            free.update(node.names)
        elif isinstance(node, Function | ast.ClassDef):
            names[node.name] = node if node.name not in names and isinstance(node, Function) else None
        elif isinstance(node, ast.ExceptHandler) and node.name:
            names[node.name] = None
    # An import inside a function is not among them: the module's table of imports has it.
    return {name: bound for name, bound in names.items() if name not in free}


def module_name(path: str) -> str:
    """The dotted name of the module at a path."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def read_module(path: str, tree: ast.Module) -> Module:
    """The model of one module, from its tree."""
    name = module_name(path)
    module = Module(name, path, tree)
    module.nodes.append(tree)
    for parent in module.nodes:  # It grows as we go.
        if parent.__class__ in LEAVES:
            continue
        below = children(parent)
        module.nodes += below
        module.parents.update(dict.fromkeys(below, parent))
    package = name if path.endswith("__init__.py") else name.rpartition(".")[0]
    for node in [each for each in module.nodes if each.__class__ in _NAMED]:
        if isinstance(node, Function):
            module.definitions.append(node)
        elif isinstance(node, ast.ClassDef) and not module.functions_around(node):
            module.classes[node.name] = _class(name, node)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            _add_import(module, node, package)
    top: dict[str, int] = defaultdict(int)
    for node in _top_level(tree.body):
        if isinstance(node, Function | ast.ClassDef):
            top[node.name] += 1
            if isinstance(node, Function):
                module.functions[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            module.rebound.update(target.id for target in targets if isinstance(target, ast.Name))
    module.rebound.update(each for each, count in top.items() if count > 1)
    return module


def _top_level(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run when the module is imported, those in `if` and `try` included."""
    for node in body:
        yield node
        for name in ("body", "orelse", "finalbody", "handlers"):
            if not isinstance(node, Function | ast.ClassDef):
                below = getattr(node, name, [])
                yield from _top_level(
                    [s for each in below for s in (each.body if isinstance(each, ast.ExceptHandler) else [each])]
                )


def _class(module: str, node: ast.ClassDef) -> Class:
    found = Class(module, node.name, node)
    for each in _top_level(node.body):
        if isinstance(each, Function):
            # Of overloads and property setters the last one stands.
            found.methods[each.name] = each
        elif isinstance(each, ast.Assign) and isinstance(each.value, ast.Name) and each.value.id in found.methods:
            # `acall = __call__` makes a second name for the same function.
            for target in each.targets:
                if isinstance(target, ast.Name):
                    found.methods[target.id] = found.methods[each.value.id]
    assigned: dict[str, list[ast.expr]] = defaultdict(list)
    for each in walk(node):
        if isinstance(each, ast.Assign):
            for target in each.targets:
                if isinstance(target, ast.Attribute) and ast.unparse(target.value) == "self":
                    assigned[target.attr].append(each.value)
    found.attributes = {name: values[0] for name, values in assigned.items() if len(values) == 1}
    return found


def _add_import(module: Module, node: ast.Import | ast.ImportFrom, package: str) -> None:
    if isinstance(node, ast.Import):
        for alias in node.names:
            bound = alias.asname or alias.name.split(".")[0]
            module.imports[bound] = alias.name if alias.asname else bound
        return
    base = node.module or ""
    if node.level:
        parts = package.split(".")
        parts = parts[: len(parts) - node.level + 1]
        base = ".".join([*parts, base] if base else parts)
    for alias in node.names:
        if alias.name == "*":
            module.stars.append(base)
        else:
            module.imports[alias.asname or alias.name] = f"{base}.{alias.name}"


def dotted(module: Module, node: ast.expr) -> str | None:
    """The full name of an imported thing: `sleep` after `from time import sleep` is `time.sleep`."""
    if isinstance(node, ast.Name):
        return module.imports.get(node.id, node.id)
    if isinstance(node, ast.Attribute) and (owner := dotted(module, node.value)):
        return f"{owner}.{node.attr}"
    return None


def walk_scope(node: ast.AST) -> Iterator[ast.AST]:
    """The node and all below it, but for what runs in a scope of its own."""
    yield node
    if isinstance(node, ast.Lambda):
        return
    if isinstance(node, Comprehension):
        yield from walk_scope(node.generators[0].iter)
        return
    for child in children(node):
        if not isinstance(child, Function | ast.ClassDef):
            yield from walk_scope(child)


def first_line(node: ast.AST) -> str:
    """The beginning of a piece of code, for a message."""
    text = ast.unparse(node).split("\n")[0]
    return text if len(text) <= 60 else text[:57] + "..."
