"""Trees that are shared: each text is parsed once, and gone through as `ast` goes through it."""

from __future__ import annotations

import argparse
import ast
import dataclasses
import inspect
from collections.abc import Iterable

import pytest

from codemods.syntax import children, parsed, walk

GAPS = """
import a as b, c
d = {**a, 1: 2, f"{x!r:>{y}}": not -z}
def f(p, /, *args: *T, q, r=1, **kwargs) -> None:
    global x, y
    return lambda *, s, t=2: (yield)
match d:
    case [*_]: ...
    case {1: _, **rest} | C(x=1, y=None): ...
"""
"""What holds texts and gaps beside nodes."""
TEXTS = [inspect.getsource(argparse), inspect.getsource(dataclasses), "", GAPS]


def _meant(nodes: Iterable[ast.AST]) -> list[ast.AST]:
    """The nodes but for those that only say how another is meant."""
    said = (ast.expr_context, ast.boolop, ast.operator, ast.unaryop, ast.cmpop)
    return [node for node in nodes if not isinstance(node, said)]


@pytest.mark.parametrize("text", TEXTS, ids=["argparse", "dataclasses", "nothing", "gaps"])
def test_the_nodes_and_their_order_are_those_of_ast(text: str) -> None:
    tree = parsed(text)
    assert list(walk(tree)) == _meant(ast.walk(tree))
    for node in walk(tree):
        assert children(node) == _meant(ast.iter_child_nodes(node))


def test_a_part_is_gone_through_from_itself() -> None:
    call = parsed("f(g(x), y)").body[0]
    assert list(walk(call)) == _meant(ast.walk(call))


def test_a_text_is_parsed_once_and_its_nodes_are_kept() -> None:
    tree = parsed("a = 1")
    assert parsed("a = " + "1") is tree
    assert walk(tree) is walk(tree)
