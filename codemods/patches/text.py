"""Pieces of text that are exchanged, and how a piece of code is put where another stood."""

from __future__ import annotations

import ast
import itertools
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass

from codemods.errors import ToolError
from codemods.patches.model import PYTHON, LoadedPatch
from codemods.symbols import SourceText


@dataclass(frozen=True)
class Change:
    """A piece of text, by the offsets of its first character and of the one behind it, what stands there
    instead, and who says so.
    """

    start: int
    end: int
    text: str
    where: str


def rewrite(source: SourceText, changes: list[Change]) -> str:
    """The text with all changes made. Raises :class:`ToolError` where two of them overlap."""
    # Stable: insertions at one place keep the order of the patches.
    ordered = sorted(changes, key=lambda change: (change.start, change.end))
    for before, after in itertools.pairwise(ordered):
        if before.end > after.start:
            line = source.line_of(after.start)
            raise ToolError(
                f"{before.where} and {after.where} both change {source.path}:{line}",
                remedy="Make them one patch, or let one of them name less.",
            )
    pieces: list[str] = []
    position = 0
    for change in ordered:
        pieces += [source.text[position : change.start], change.text]
        position = change.end
    text = "".join([*pieces, source.text[position:]])
    if not source.text.endswith("\n\n"):
        text = text.rstrip("\n") + "\n"
    try:
        ast.parse(text, filename=source.path, feature_version=PYTHON)
    except SyntaxError as error:
        places = ", ".join(sorted({change.where for change in changes}))
        line = f"{error.text or ''}".strip()
        raise ToolError(
            f"{source.path}:{error.lineno} does not parse after its patches ({places}): {error.msg}: {line}",
            remedy="Mend the patch's code.",
        ) from error
    return text


def indent_at(source: SourceText, offset: int) -> str:
    """The blanks that the line at an offset begins with."""
    before = source.text[source.line_start(offset) : offset]
    return before[: len(before) - len(before.lstrip())]


def alone(source: SourceText, start: int, end: int) -> bool:
    """Whether nothing else stands on the lines of a piece of text, comments behind it apart."""
    after = source.text[end : source.line_end(end)].strip()
    return not source.text[source.line_start(start) : start].strip() and (not after or after.startswith("#"))


def deletion(
    loaded: LoadedPatch, source: SourceText, nodes: list[ast.stmt], siblings: Iterable[ast.stmt], *, comments: bool
) -> Change:
    """The change that removes statements with the lines they stand on.

    Args:
        loaded: the patch, named in errors.
        source: the file.
        nodes: statements that follow each other.
        siblings: all statements of the block; where none is left, ``pass`` takes their place.
        comments: whether the comments above go too.

    Raises:
        ToolError: they share a line with other code.
    """
    start, end = source.start(nodes[0]), source.end(nodes[-1])
    if not alone(source, start, end):
        raise ToolError(
            f"{loaded.where}: {source.path}:{source.line_of(start)} shares its line with other code",
            remedy="Replace the whole line's statement instead of deleting a part.",
        )
    if len(list(siblings)) == len(nodes) and indent_at(source, start):
        return Change(start, end, "pass", loaded.where)
    start = source.line_start(start)
    while comments and (above := line_above(source, start)).lstrip().startswith("#"):
        start -= len(above)
    return Change(start, _blank_end(source, start, source.line_end(end)), "", loaded.where)


def line_above(source: SourceText, start: int) -> str:
    """The line above the one that starts at an offset, with its end; empty in a file's first."""
    return source.text[source.line_start(start - 1) : start] if start else ""


def _blank_end(source: SourceText, start: int, end: int) -> int:
    """Take blank lines behind a deleted piece along: all at a block's start, else as many as there are before it."""
    above = line_above(source, start)
    opens = above.strip().endswith((":", '"""'))
    while end < len(source.text) and not source.text[end : source.line_end(end)].strip():
        if not opens:
            if not above or above.strip():
                break
            start -= len(above)
            above = line_above(source, start)
        end = source.line_end(end)
    return end


def parse_code(loaded: LoadedPatch, code: str) -> ast.Module:
    """A patch's code as a tree. Raises :class:`ToolError` where it is no Python of the oldest version."""
    try:
        return ast.parse(textwrap.dedent(code), feature_version=PYTHON)
    except SyntaxError as error:
        shown = code.strip().splitlines()[0] if code.strip() else ""
        raise ToolError(
            f"{loaded.where}: code of the patch for {loaded.symbol} is not valid: {error.msg} (in {shown!r})",
            remedy="Mend the patch.",
        ) from error


def reindent(code: str, indent: str) -> str:
    """Move code to an indentation; lines within strings that are not docstrings stay as they are."""
    code = textwrap.dedent(code)
    lines = code.splitlines(keepends=True)
    fixed = _lines_within_strings(code)
    return "".join(
        line if number in fixed or not line.strip() else indent + line for number, line in enumerate(lines, start=1)
    )


def _lines_within_strings(code: str) -> set[int]:
    tree = ast.parse(code)
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    fixed: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in documentation:
            is_text = isinstance(node, ast.JoinedStr) or isinstance(node.value, str | bytes)
            fixed |= set(range(node.lineno + 1, (node.end_lineno or node.lineno) + 1)) if is_text else set()
    return fixed
