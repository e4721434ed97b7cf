"""What ``isinstance`` says of a name: in the branch of an ``if``, and behind an ``assert`` or an ``if`` that leaves."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from codemods.program.build import dotted
from codemods.program.model import ClassInfo
from codemods.program.values import ClassRef, Instance, Values
from codemods.syntax import walk

if TYPE_CHECKING:
    from codemods.program.flow import Flow
    from codemods.program.scopes import Scope

_BLOCKS = ("body", "orelse", "finalbody")


def narrowed_names(scope: ast.AST) -> dict[ast.Name, ast.expr]:
    """Uses of names in ``scope`` of which the code has asked ``isinstance``, with the classes it asked for."""
    found: dict[ast.Name, ast.expr] = {}
    for statements in _blocks(scope):
        for index, statement in enumerate(statements):
            following = statements[index + 1 :]
            if isinstance(statement, ast.If):
                _learn(found, statement.test, statement.body)
                if (
                    isinstance(statement.test, ast.UnaryOp)
                    and isinstance(statement.test.op, ast.Not)
                    and _leaves(statement)
                ):
                    _learn(found, statement.test.operand, following)
            elif isinstance(statement, ast.Assert):
                _learn(found, statement.test, following)
    return found


def asked(test: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """``(name, classes)`` of each ``isinstance(name, classes)`` that is true where ``test`` is."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        for part in test.values:
            yield from asked(part)
    elif isinstance(test, ast.Call) and dotted(test.func) == "isinstance" and len(test.args) == 2:
        asked_of, classes = test.args
        yield from [(asked_of.id, classes)] if isinstance(asked_of, ast.Name) else []


def narrowed_values(flow: Flow, values: Values, classes: list[ClassInfo] | None) -> Values:
    """Of what a name holds, that which is of one of the classes; one of each where it holds none."""
    if classes is None:
        return values
    instances = [v for v in values if isinstance(v, Instance)]
    kept = frozenset(v for v in instances if set(flow.program.classes[v.cls].mro()) & set(classes))
    return kept or frozenset(Instance(cls.symbol) for cls in classes)


def classes_named(flow: Flow, node: ast.expr, scope: Scope) -> list[ClassInfo] | None:
    """The classes that the second argument of ``isinstance`` names; None if not all are of the program."""
    if isinstance(node, ast.Tuple):
        parts = node.elts
    elif isinstance(node, ast.BinOp):
        parts = [node.left, node.right]
    else:
        values = flow.values(node, scope)
        found = [flow.program.classes[v.cls] for v in values if isinstance(v, ClassRef)]
        return found if found and len(found) == len(values) else None
    each = [classes_named(flow, part, scope) for part in parts]
    known = [classes for classes in each if classes is not None]
    return [cls for classes in known for cls in classes] if len(known) == len(each) else None


def _learn(found: dict[ast.Name, ast.expr], test: ast.expr, statements: list[ast.stmt]) -> None:
    for name, classes in asked(test):
        uses = [n for s in statements for n in walk(s) if isinstance(n, ast.Name) and n.id == name]
        if all(isinstance(use.ctx, ast.Load) for use in uses):
            found.update(dict.fromkeys(uses, classes))


def _leaves(statement: ast.If) -> bool:
    return isinstance(statement.body[-1], ast.Return | ast.Raise | ast.Continue | ast.Break)


def _blocks(scope: ast.AST) -> Iterator[list[ast.stmt]]:
    """Lists of statements in a scope, those of nested definitions left out."""
    stack: list[ast.AST] = [scope]
    while stack:
        node = stack.pop()
        for name in _BLOCKS:
            block: list[ast.stmt] = getattr(node, name, [])
            if isinstance(node, ast.Lambda | ast.IfExp) or not block:
                continue
            yield block
            stack.extend(s for s in block if not isinstance(s, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef))
        stack.extend([*getattr(node, "handlers", []), *getattr(node, "cases", [])])
