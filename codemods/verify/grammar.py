"""Whether the emitted files keep to the grammar of the oldest Python the package supports."""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass

from codemods.syntax import walk
from codemods.verify.defects import Defect
from codemods.verify.model import Comprehension, walk_scope

OLDEST: tuple[int, int] = (3, 10)
"""The oldest Python whose grammar the generated package keeps to."""


@dataclass(frozen=True)
class Grammar:
    """Whether a file can be read, and what the oldest Python would say about it."""

    parses: bool
    defects: tuple[Defect, ...]


def check_grammar(path: str, text: str) -> Grammar:
    """What the oldest Python would say about a file."""
    try:
        tree = ast.parse(text, path, feature_version=OLDEST)
        compile(text, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        message = str(getattr(error, "msg", error))
        return Grammar(parses=False, defects=(Defect(path, getattr(error, "lineno", 0) or 0, "grammar", message),))
    found = sorted(set(_newer_grammar(tree, text)))
    return Grammar(parses=True, defects=tuple(Defect(path, line, "grammar", message) for line, message in found))


def _newer_grammar(tree: ast.Module, text: str) -> Iterator[tuple[int, str]]:
    """Syntax of a later Python that `feature_version` lets pass."""
    yield from _starred_indices(tree)
    yield from _nested_async_comprehensions(tree)
    if sys.version_info >= (3, 12):
        yield from _newer_fstrings(text)


def _starred_indices(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in walk(tree):
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple) and node.slice.elts:
            place, first = node.slice, node.slice.elts[0]
            bare = (place.lineno, place.col_offset) == (first.lineno, first.col_offset)
            if bare and any(isinstance(element, ast.Starred) for element in place.elts):
                yield node.lineno, "an unpacking in an index needs Python 3.11"


def _own_parts(node: Comprehension) -> Iterator[ast.AST]:
    """What a comprehension evaluates in its own scope: all but the first iterable."""
    yield from (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,)
    for index, generator in enumerate(node.generators):
        yield from generator.ifs
        if index:
            yield generator.iter


def _is_async(node: Comprehension) -> bool:
    if any(generator.is_async for generator in node.generators):
        return True
    return any(isinstance(part, ast.Await) for own in _own_parts(node) for part in walk_scope(own))


def _nested_async_comprehensions(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for outer in walk(tree):
        if not isinstance(outer, Comprehension):
            continue
        for part in _own_parts(outer):
            for inner in walk(part):
                if isinstance(inner, ast.ListComp | ast.SetComp | ast.DictComp) and _is_async(inner):
                    yield inner.lineno, "an async comprehension inside a comprehension needs Python 3.11"


def _newer_fstrings(text: str) -> Iterator[tuple[int, str]]:
    """f-strings that reuse their quotes or hold a backslash or comment: only the tokenizer of 3.12 sees into them."""
    # Called on Python 3.12 and later only, which is where these tokens are.
    start, end = tokenize.FSTRING_START, tokenize.FSTRING_END  # type: ignore[attr-defined]
    middle = tokenize.FSTRING_MIDDLE  # type: ignore[attr-defined]
    quotes: list[str] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (start, tokenize.STRING):
            quote = token.string.lstrip("rRbBfFuU")
            quote = quote[:3] if quote[:3] in ('"""', "'''") else quote[:1]
            if any(_breaks(outer, token.string, quote) for outer in quotes):
                yield (
                    token.start[0],
                    "an f-string with its own quotes or a backslash in an expression needs Python 3.12",
                )
            if token.type == start:
                quotes.append(quote)
        elif token.type == end:
            quotes.pop()
        elif quotes and token.type == tokenize.COMMENT:
            yield token.start[0], "a comment inside an f-string needs Python 3.12"
        elif quotes and token.type == tokenize.NL and len(quotes[-1]) == 1:
            yield token.start[0], "a line break inside an f-string of one line needs Python 3.12"
        elif len(quotes) > 1 and token.type == middle and "\\" in token.string:
            yield token.start[0], "a backslash in an f-string's expression needs Python 3.12"


def _breaks(outer: str, inner: str, quote: str) -> bool:
    return "\\" in inner or (quote == outer if len(outer) == 3 else quote[0] == outer)
