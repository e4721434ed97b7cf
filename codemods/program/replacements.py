"""What a program puts in another thing's place: assignments to attributes, ``setattr``, and ``mock.patch``."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from codemods.program.build import dotted
from codemods.program.flow import Flow
from codemods.program.scopes import Scope
from codemods.program.values import External, ModuleRef, Value, Values

_BY_OBJECT = frozenset({"setattr", "patch.object"})
_BY_PATH = frozenset({"patch", "setattr"})


@dataclass(frozen=True)
class Replacement:
    """One place where something is put in the place of ``name``.

    ``name`` is an attribute of ``holder``, or a whole dotted path where ``holder`` is None; ``literal`` is the string
    that says so, if one does. ``value`` is what is put there; None where a mock is made for it.
    """

    node: ast.Assign | ast.Call
    holder: ast.expr | None
    name: str
    literal: ast.Constant | None
    value: ast.expr | None

    @property
    def attribute(self) -> str:
        """The last part of the name of what is replaced."""
        return self.name.rpartition(".")[2]


def replacements(scope: Scope) -> Iterator[Replacement]:
    """All of them in one scope's own code, in the order of the code."""
    for node in scope.nodes:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Attribute):
            target = node.targets[0]
            yield Replacement(node, target.value, target.attr, None, node.value)
    for call in scope.calls:
        found = replacement_by_call(call)
        if found is not None:
            yield found


def replacement_by_call(call: ast.Call) -> Replacement | None:
    """What a call of ``setattr`` or ``patch`` puts in another thing's place; None of another call."""
    name = dotted(call.func) or ""
    last = "patch.object" if name.split(".")[-2:] == ["patch", "object"] else name.split(".")[-1]
    first = _text(call, 0)
    if last in _BY_PATH and first is not None and len(call.args) < 3:
        return Replacement(call, None, str(first.value), first, _new(call, 1))
    second = _text(call, 1)
    if last in _BY_OBJECT and second is not None:
        return Replacement(call, call.args[0], str(second.value), second, _new(call, 2))
    return None


def _text(call: ast.Call, index: int) -> ast.Constant | None:
    if len(call.args) <= index:
        return None
    node = call.args[index]
    return node if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _new(call: ast.Call, index: int) -> ast.expr | None:
    if len(call.args) > index and not isinstance(call.args[index], ast.Starred):
        return call.args[index]
    return next((k.value for k in call.keywords if k.arg in ("new", "value")), None)


def replaced_values(flow: Flow, scope: Scope, replacement: Replacement) -> Values:
    """What stands at the place before anything is put there; an :class:`External` for another package's."""
    if replacement.holder is not None:
        bases = flow.values(replacement.holder, scope)
        return frozenset(v for base in bases for v in flow.attribute(base, replacement.name))
    return _at_path(flow, replacement.name.split("."))


def _at_path(flow: Flow, parts: list[str]) -> Values:
    """What a dotted path leads to, from the longest part of it that is a module of the program."""
    for count in range(len(parts) - 1, 0, -1):
        module = ".".join(parts[:count])
        if module in flow.program.modules:
            found: set[Value] = {ModuleRef(module)}
            for name in parts[count:]:
                found = {v for base in found for v in flow.attribute(base, name)}
            return frozenset(found)
    return frozenset({External(".".join(parts))})
