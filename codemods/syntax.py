"""Parsed source that is only read. Several stages look at the same text; it is parsed once."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import lru_cache
from typing import cast

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
        found += children(each)
    return found


_NO_NODES = frozenset({"ctx", "op", "ops", "id", "attr", "type_comment", "kind"})
"""Fields of contexts and operators, and some that hold strings: never looked into."""


@lru_cache(None)
def _fields_of(kind: type[ast.AST]) -> tuple[str, ...]:
    return tuple(name for name in kind._fields if name not in _NO_NODES)


def children(node: ast.AST) -> list[ast.AST]:
    """As ``ast.iter_child_nodes``, but for contexts and operators: most of the time of the model goes into this."""
    found: list[ast.AST] = []
    for name in _fields_of(node.__class__):
        value: object = getattr(node, name, None)
        if isinstance(value, ast.AST):
            found.append(value)
        elif isinstance(value, list):
            found += [item for item in cast("list[object]", value) if isinstance(item, ast.AST)]
    return found
