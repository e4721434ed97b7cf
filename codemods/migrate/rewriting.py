"""Edits of a program's text before it is converted, and which line of the text before each line came from.

What a builtin, a pool or a framework calls for the code is written out first, in the sync form: the engine then finds
the call where it can be awaited. See :mod:`codemods.migrate.written_out`.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import libcst as cst

from codemods.passes.imports import fix_imports
from codemods.program import ModuleInfo

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|$)")


@dataclass(frozen=True)
class Edit:
    """A piece of text, by the offsets of its first character and of the one behind it, and what stands there instead.

    Args:
        start: offset in characters.
        end: offset in characters.
        text: the new text, with ``\\n`` as line end.
        code: the code of the rule it is made by.
        needs: modules that the new text names.
    """

    start: int
    end: int
    text: str
    code: str
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rewritten:
    """A module's text after edits. ``lines`` has for each of its lines the number of the line it came from."""

    text: str
    lines: tuple[int, ...]
    codes: tuple[str, ...] = ()
    needs: frozenset[str] = field(default_factory=frozenset[str])

    def line_before(self, line: int) -> int:
        """The line, counted from 1, of the text before that a line of this text came from."""
        return self.lines[min(line, len(self.lines)) - 1] if self.lines else line


class Places:
    """Where the nodes of a module's tree stand in its text, in characters."""

    def __init__(self, module: ModuleInfo) -> None:
        self._module = module
        self._text = module.text
        self._lines = [match.group() for match in _LINE.finditer(module.text) if match.group()]
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))

    def start(self, node: ast.stmt | ast.expr) -> int:
        """The offset of a node's first character."""
        return self._offset(node.lineno, node.col_offset)

    def end(self, node: ast.stmt | ast.expr) -> int:
        """The offset behind a node's last character."""
        assert node.end_lineno is not None and node.end_col_offset is not None
        return self._offset(node.end_lineno, node.end_col_offset)

    def source(self, node: ast.stmt | ast.expr) -> str:
        """The node's own text. Parentheses around it are not part of it."""
        return self._text[self.start(node) : self.end(node)]

    def between(self, start: int, end: int) -> str:
        """The text from one offset to another."""
        return self._text[start:end]

    def changed(self, start: int, end: int, changes: Iterable[tuple[int, int, str]]) -> str:
        """The text of a part with what changes in it: offsets, and what stands there instead."""
        text = self._text[start:end]
        for begin, finish, new in sorted(set(changes), reverse=True):
            if start <= begin and finish <= end:
                text = text[: begin - start] + new + text[finish - start :]
        return text

    def indent(self, node: ast.stmt | ast.expr) -> str:
        """The blanks that the node's first line starts with."""
        line = self._lines[node.lineno - 1]
        return line[: len(line) - len(line.lstrip())]

    def line_start(self, line: int) -> int:
        """Offset of a line, counted from 1; of the one behind the last, the text's end."""
        return self._starts[min(line, len(self._lines) + 1) - 1]

    def is_alone(self, node: ast.stmt) -> bool:
        """Whether a statement has its lines for itself, but for a comment."""
        assert node.end_lineno is not None
        before = self._text[self.line_start(node.lineno) : self.start(node)]
        behind = self._text[self.end(node) : self.line_start(node.end_lineno + 1)].strip()
        return not before.strip() and (not behind or behind.startswith("#"))

    def _offset(self, line: int, column: int) -> int:
        start = self._starts[line - 1]
        if self._module.ascii_only:
            return start + column
        return start + len(self._lines[line - 1].encode()[:column].decode())


def rewrite(text: str, edits: Iterable[Edit]) -> Rewritten:
    """``text`` after all edits that do not lie within one that is made: the outermost come first, the rest another day.

    Line ends of the new text are those of the old.
    """
    ordered = _apart(sorted(edits, key=lambda edit: (edit.start, -edit.end)))
    newline = "\r\n" if "\r\n" in text else "\n"
    parts: list[str] = []
    lines: list[int] = [1]
    at, line = 0, 1
    for edit in ordered:
        kept, new = text[at : edit.start], edit.text.replace("\n", newline)
        parts += [kept, new]
        line = _count(kept, line, lines, moves=True)
        inner = list[int]()
        _count(new, line, inner, moves=False)
        lines += inner
        line += len(re.findall(r"\r\n|\r|\n", text[edit.start : edit.end]))
        if lines:
            lines[-1] = min(lines[-1], line)
        at = edit.end
    parts.append(text[at:])
    _count(text[at:], line, lines, moves=True)
    codes = tuple(edit.code for edit in ordered)
    return Rewritten("".join(parts), tuple(lines), codes, frozenset(n for edit in ordered for n in edit.needs))


def with_imports(rewritten: Rewritten, module: ModuleInfo) -> Rewritten:
    """With the imports that the new text needs, in their sorted places."""
    wanted: set[tuple[str, str | None]] = {(name, None) for name in rewritten.needs}
    text = fix_imports(cst.parse_module(rewritten.text), wanted, rewritten.text, module.name, set())
    before, after = (each.splitlines() for each in (rewritten.text, text))
    lines: list[int] = []
    for _, first, last, start, end in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        # What was added came from where it stands.
        places = range(first, last) if last - first == end - start else [min(first, len(before) - 1)] * (end - start)
        lines += [rewritten.line_before(place + 1) for place in places]
    return replace(rewritten, text=text, lines=tuple(lines))


def _count(text: str, line: int, lines: list[int], *, moves: bool) -> int:
    """Note the line that each line started in ``text`` came from; all from ``line`` where it does not move on."""
    for _ in re.findall(r"\r\n|\r|\n", text):
        line += moves
        lines.append(line)
    return line


def _apart(edits: Sequence[Edit]) -> list[Edit]:
    found: list[Edit] = []
    for edit in edits:
        if not found or edit.start >= found[-1].end:
            found.append(edit)
    return found
