"""Parsed source that is only read. Several stages look at the same text; it is parsed once."""

from __future__ import annotations

import ast
from functools import lru_cache

_KEPT = 512
"""Trees that are kept: more than a release has files, twice."""


@lru_cache(_KEPT)
def parsed(text: str) -> ast.Module:
    """The tree of a module's text, shared by everybody who asks: never change it, and do not key anything by its nodes
    beyond one file, as equal texts have one tree.

    Raises:
        SyntaxError: as `ast.parse`.
        ValueError: a null byte, in Pythons before 3.12.
    """
    return ast.parse(text)
