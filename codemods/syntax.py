"""Parsed source that is only read. Several stages look at the same text; it is parsed once."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

_KEPT = 4096
"""Trees that are kept: more than a release has files, ten times over. Fewer would be parsed again and again."""


@lru_cache(_KEPT)
def parsed(text: str) -> ast.Module:
    """The tree of a module's text, shared by everybody who asks: never change it, and do not key anything by its nodes
    beyond one file, as equal texts have one tree.

    Raises:
        SyntaxError: as `ast.parse`.
        ValueError: a null byte, in Pythons before 3.12.
    """
    return ast.parse(text)


def walk(node: ast.AST) -> Sequence[ast.AST]:
    """The nodes that ``ast.walk`` yields, in its order, in a fifth of its time; those of a module are kept.

    Left out are those that only say how another is meant, which are looked at from there: contexts and operators. They
    are a third of all.
    """
    return _nodes_of(node) if isinstance(node, ast.Module) else _walked(node)


@lru_cache(_KEPT)
def _nodes_of(tree: ast.Module) -> tuple[ast.AST, ...]:
    return tuple(_walked(tree))


def _walked(node: ast.AST) -> list[ast.AST]:
    found = [node]
    for each in found:  # It grows as we go.
        if each.__class__ not in LEAVES:
            found += children(each)
    return found


_NO_NODES = frozenset(
    {"ctx", "op", "ops", "id", "attr", "arg", "module", "level", "asname", "simple", "conversion", "is_async",
     "type_comment", "kind"}
)  # fmt: skip
"""Fields of contexts and operators, and some that hold texts and numbers: never looked into."""
_NOTHING_ELSE = frozenset(
    {"body", "orelse", "finalbody", "handlers", "decorator_list", "bases", "keywords", "args", "posonlyargs",
     "kwonlyargs", "defaults", "targets", "elts", "values", "generators", "ifs", "items", "cases", "comparators"}
)  # fmt: skip
"""Fields that, where they hold a list, hold one of nodes: in others there may be texts and gaps as well."""


class _Fields(dict[type[ast.AST], tuple[tuple[str, bool], ...]]):
    """By the kind of a node, the fields that may hold others, and whether a list in it holds nothing else."""

    def __missing__(self, kind: type[ast.AST]) -> tuple[tuple[str, bool], ...]:
        names = () if kind is ast.Constant else kind._fields
        found = self[kind] = tuple((name, name in _NOTHING_ELSE) for name in names if name not in _NO_NODES)
        return found


_FIELDS = _Fields()
LEAVES = frozenset({ast.Name, ast.Constant, ast.Pass, ast.Break, ast.Continue})
"""Kinds of nodes that have no others below them: half of all."""


def children(node: ast.AST) -> list[ast.AST]:
    """As ``ast.iter_child_nodes``, but for contexts and operators: most of the time of the model goes into this."""
    found: list[ast.AST] = []
    for name, nothing_else in _FIELDS[node.__class__]:
        value: Any = getattr(node, name, None)
        if value is None:
            continue
        if value.__class__ is list:
            found += value if nothing_else else [item for item in value if isinstance(item, ast.AST)]
        elif isinstance(value, ast.AST):
            found.append(value)
    return found
