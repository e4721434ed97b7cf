"""Which parameter of a function is for the library's settings, and what shows that ``settings`` is something else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property

from codemods.program.build import dotted
from codemods.program.model import FunctionInfo, Program
from codemods.program.names import may_name_class

SETTINGS = "settings"
"""What settings are called, unless a program says otherwise."""
_CHANGES = frozenset({"configure", "context"})


class SettingsParameters:
    """Asks of each function once.

    Args:
        class_symbol: the class of settings.
        in_program: whether functions are a user's, who may have settings of another kind.
    """

    def __init__(self, program: Program, class_symbol: str, *, in_program: bool) -> None:
        self._program = program
        self._class = class_symbol
        self._in_program = in_program
        self._found: dict[str, str | None] = {}

    def name(self, function: FunctionInfo) -> str | None:
        """The first parameter, ``self`` aside, if it is for settings: by annotation, or by name with nothing said."""
        if function.symbol not in self._found:
            self._found[function.symbol] = self._name(function)
        return self._found[function.symbol]

    def _name(self, function: FunctionInfo) -> str | None:
        index = function.settings_index()
        if len(function.arguments) <= index:
            return None
        argument = function.arguments[index]
        said = argument.annotation is not None
        is_class = argument.annotation is not None and may_name_class(
            self._program, function.module, argument.annotation, self._class
        )
        if not self._in_program or not self._program.owns(function.symbol):
            return argument.arg if argument.arg == SETTINGS and (is_class or not said) else None
        if is_class:
            return argument.arg
        return SETTINGS if argument.arg == SETTINGS and self.is_plain(function, argument) else None

    def is_plain(self, function: FunctionInfo, argument: ast.arg) -> bool:
        """Whether a parameter ``settings`` without an annotation is used as the library's settings are."""
        required = function.arguments[: len(function.arguments) - len(function.node.args.defaults)]
        if argument.annotation is not None or argument not in required or self.shows_something_else(function):
            return False
        uses = [n for n in ast.walk(function.node) if isinstance(n, ast.Name) and n.id == SETTINGS]
        # A protocol of the library's may hand them to a coroutine function that has no use for them.
        return self._shows_settings(function) if uses else function.is_async

    def _shows_settings(self, function: FunctionInfo) -> bool:
        """Whether ``settings`` is asked for what the library's have, or handed on as these are: before all else."""
        if self._attributes & set(_attributes_of(function)):
            return True
        for node in ast.walk(function.node):
            call = node.value if isinstance(node, ast.Await) else node
            if isinstance(call, ast.Call) and call.args and _is_settings(call.args[0]):
                name = (dotted(call.func) or getattr(call.func, "attr", "")).split(".")[-1]
                if isinstance(node, ast.Await) or name in self._takers:
                    return True
        return False

    @cached_property
    def _takers(self) -> frozenset[str]:
        """Names of the program's functions whose first parameter is called so and shows nothing else."""
        found: set[str] = set()
        for function in self._program.own_functions():
            index = function.settings_index()
            first = function.arguments[index] if len(function.arguments) > index else None
            if first is None or first.arg != SETTINGS or self.shows_something_else(function):
                continue
            if first.annotation is None or may_name_class(
                self._program, function.module, first.annotation, self._class
            ):
                found.add(function.name)
        return frozenset(found)

    def shows_something_else(self, function: FunctionInfo) -> bool:
        """Whether a function asks ``settings`` for what the library's do not have."""
        return any(name not in self._attributes for name in _attributes_of(function))

    @cached_property
    def _attributes(self) -> frozenset[str]:
        """What the library's settings have: methods, and the keys that the library or the program configures."""
        cls = self._program.classes.get(self._class)
        found = {*cls.methods, *cls.annotations} if cls is not None else set[str]()
        trees = [cls.module.tree] if cls is not None else []
        for call in (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)):
            found.update(keyword.arg for keyword in call.keywords if keyword.arg is not None)
        for module in self._program.own_modules():
            for call in (node for node in ast.walk(module.tree) if isinstance(node, ast.Call)):
                if (dotted(call.func) or "").split(".")[-1] in _CHANGES:
                    found.update(keyword.arg for keyword in call.keywords if keyword.arg is not None)
        return frozenset(found)


def _attributes_of(function: FunctionInfo) -> Iterator[str]:
    """What a function asks ``settings`` for."""
    for node in ast.walk(function.node):
        if isinstance(node, ast.Attribute) and _is_settings(node.value):
            yield node.attr


def _is_settings(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == SETTINGS
