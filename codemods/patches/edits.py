"""Edits: finds a place within a symbol, and says what stands there instead."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from codemods.errors import ToolError
from codemods.patches.model import Edit, LoadedPatch
from codemods.patches.text import Change, alone, deletion, indent_at, line_above, parse_code, reindent
from codemods.symbols import Definition, SourceText, Symbol, blocks, body_of, dump, is_docstring


@dataclass(frozen=True)
class Match:
    """One place that an edit is for.

    Args:
        nodes: the statements that are found, or the one that holds the expression or the header.
        body: the statement list they stand in.
        expression: what is found, where it is an expression.
        header: the pattern, where a compound statement's first line is found.
    """

    nodes: tuple[ast.stmt, ...]
    body: list[ast.stmt]
    expression: ast.expr | None = None
    header: ast.stmt | None = None


@dataclass(frozen=True)
class Editor:
    """Looks the places of a patch's edits up in its symbol, and changes them.

    Args:
        loaded: the patch.
        symbol: what it is written against, as this release has it.
    """

    loaded: LoadedPatch
    symbol: Symbol

    @property
    def _source(self) -> SourceText:
        return self.symbol.source

    def edit(self, edit: Edit) -> list[Change]:
        """The changes one edit makes. Raises ToolError: not there, or not as often as expected."""
        return sorted((self._change(match, edit) for match in self.matches(edit)), key=lambda change: change.start)

    def matches(self, edit: Edit) -> list[Match]:
        """The places that an edit is for. Raises ToolError: not there, or not as often as expected."""
        pattern = parse_code(self.loaded, edit.find).body
        if not pattern:
            raise self._error("has an empty `find`", "Say what to find.")
        if len(pattern) == 1 and isinstance(pattern[0], ast.Expr):
            found = list(self._expressions(pattern[0].value))
        elif len(pattern) == 1 and _is_header(pattern[0]):
            found = list(self._headers(pattern[0]))
        else:
            found = list(self._runs(pattern))
        if len(found) != edit.expect:
            starts = sorted(self._source.start(match.expression or match.nodes[0]) for match in found)
            places = ", ".join(f"{self._source.path}:{self._source.line_of(start)}" for start in starts)
            raise self._error(
                f"expects {edit.expect} of this in {self._place()}, and there are {len(found)}"
                f"{f' ({places})' if places else ''}:\n{textwrap.indent(edit.find.strip(), '    ')}",
                "Read upstream's code, then mend `find` or `expect`.",
            )
        return found

    def _change(self, match: Match, edit: Edit) -> Change:
        if match.expression is not None:
            return self._expression(match.expression, (match.nodes[0], match.body), edit)
        if match.header is not None:
            return self._header(match.nodes[0], match.header, edit)
        return self._run(list(match.nodes), match.body, edit)

    def _place(self) -> str:
        return f"{self.loaded.symbol} ({self._source.path}:{self.symbol.line})"

    def _error(self, problem: str, remedy: str) -> ToolError:
        return ToolError(f"{self.loaded.where}: the patch for {self.loaded.symbol} {problem}", remedy=remedy)

    def _roots(self) -> list[ast.stmt]:
        node = self.symbol.node
        return list(node.body) if isinstance(node, ast.Module) else [node]

    def _enters(self, node: ast.AST) -> bool:
        """Whether the search goes into a node: other definitions in a module or class are other symbols."""
        if isinstance(self.symbol.node, ast.Module | ast.ClassDef):
            is_definition = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            return node is self.symbol.node or not is_definition
        return True

    def _lists(self) -> Iterator[list[ast.stmt]]:
        pending = [self._roots()]
        while pending:
            body = pending.pop(0)
            yield body
            pending = [nested for node in body if self._enters(node) for nested in blocks(node)] + pending

    def _headers(self, pattern: ast.stmt) -> Iterator[Match]:
        wanted = _headline(pattern, pattern)
        for body in self._lists():
            for node in body:
                if type(node) is type(pattern) and self._enters(node) and _headline(node, pattern) == wanted:
                    yield Match((node,), body, header=pattern)

    def _runs(self, pattern: list[ast.stmt]) -> Iterator[Match]:
        wanted = [dump(node) for node in pattern]
        for body in self._lists():
            position = 0
            while position + len(wanted) <= len(body):
                nodes = body[position : position + len(wanted)]
                if [dump(node) for node in nodes] == wanted:
                    yield Match(tuple(nodes), body)
                    position += len(wanted)
                else:
                    position += 1

    def _expressions(self, pattern: ast.expr) -> Iterator[Match]:
        wanted = dump(pattern)
        for body in self._lists():
            for node in filter(self._enters, body):
                for child in ast.iter_child_nodes(node):
                    for found in self._within(child, pattern, wanted):
                        yield Match((node,), body, expression=found)

    def _within(self, node: ast.AST, pattern: ast.expr, wanted: str) -> Iterator[ast.expr]:
        # Statements are in lists of their own; positions within f-strings are wrong before Python 3.12.
        if isinstance(node, ast.stmt):
            return
        if type(node) is type(pattern) and dump(node) == wanted:
            yield node
            return
        if not isinstance(node, ast.JoinedStr):
            for child in ast.iter_child_nodes(node):
                yield from self._within(child, pattern, wanted)

    def _run(self, nodes: list[ast.stmt], body: list[ast.stmt], edit: Edit) -> Change:
        source = self._source
        if not edit.replace.strip():
            return deletion(self.loaded, source, nodes, body, comments=edit.comments)
        parse_code(self.loaded, edit.replace)
        start, end = source.start(nodes[0]), source.end(nodes[-1])
        if not alone(source, start, end) and "\n" in edit.replace.strip():
            raise self._error(
                f"puts several lines where other code shares the line ({source.path}:{source.line_of(start)})",
                "Replace the whole statement.",
            )
        text = reindent(edit.replace.strip("\n"), indent_at(source, start)).strip()
        begin = source.line_start(start)
        while edit.comments and (above := line_above(source, begin)).lstrip().startswith("#"):
            begin -= len(above)
        if begin != source.line_start(start):
            return Change(begin, end, indent_at(source, start) + text, self.loaded.where)
        return Change(start, end, text, self.loaded.where)

    def _header(self, node: ast.stmt, pattern: ast.stmt, edit: Edit) -> Change:
        source = self._source
        written = SourceText("replace", textwrap.dedent(edit.replace).strip() + "\n")
        statements = parse_code(self.loaded, written.text).body
        if not statements or not _is_header(statements[-1]):
            raise self._error(
                "replaces the first line of a compound statement, and so its replacement must end in one with the "
                "body `...`",
                "Write `...` for the body that stays.",
            )
        decorated = bool(getattr(pattern, "decorator_list", None))
        start = source.start(node) if decorated else source.keyword_start(node)
        if source.text.startswith("elif", start):
            raise self._error(f"cannot change an elif ({source.path}:{source.line_of(start)})", "Replace the `if`.")
        first = body_of(statements[-1])[0]
        if is_docstring(first):
            text = reindent(written.text[: written.end(first)], indent_at(source, start)).strip()
            return Change(start, self._documentation_end(node), text, self.loaded.where)
        header = written.text[: written.header_end(statements[-1])]
        text = reindent(header + " ...", indent_at(source, start)).strip().removesuffix(" ...")
        return Change(start, source.header_end(node), text, self.loaded.where)

    def _documentation_end(self, node: ast.stmt) -> int:
        """Where the docstring of a definition ends; its first line, if it has none."""
        first = body_of(node)[0]
        return self._source.end(first) if is_docstring(first) else self._source.header_end(node)

    def _expression(self, node: ast.expr, owner: tuple[ast.stmt, list[ast.stmt]], edit: Edit) -> Change:
        statement, body = owner
        if isinstance(statement, ast.Expr) and statement.value is node:
            return self._run([statement], body, edit)
        written = parse_code(self.loaded, edit.replace).body
        if len(written) != 1 or not isinstance(written[0], ast.Expr):
            raise self._error("replaces an expression by something that is none", "Write one expression.")
        source = self._source
        start, end = source.start(node), source.end(node)
        text = edit.replace.strip()
        change = Change(start, end, text, self.loaded.where)
        if not self._means(change, node, written[0].value):
            change = Change(start, end, f"({text})", self.loaded.where)
        return change

    def _means(self, change: Change, node: ast.expr, value: ast.expr) -> bool:
        """Whether the new text means the old tree with one node exchanged: if not, it wants parentheses."""
        if isinstance(value, _PRIMARIES):
            return True
        text = self._source.text
        try:
            tree = ast.parse(text[: change.start] + change.text + text[change.end :])
        except SyntaxError:
            return False
        return dump(tree) == dump(_Exchange(node, value).visit(ast.parse(text)))


_PRIMARIES = (ast.Name, ast.Attribute, ast.Call, ast.Subscript)
"""Bind tighter than any operator, so that they can stand wherever an expression can."""


class _Exchange(ast.NodeTransformer):
    def __init__(self, old: ast.expr, new: ast.expr) -> None:
        self._old, self._new = old, new

    def visit(self, node: ast.AST) -> Any:
        same_place = (
            type(node) is type(self._old)
            and (node.lineno, node.col_offset) == (self._old.lineno, self._old.col_offset)
            and (node.end_lineno, node.end_col_offset) == (self._old.end_lineno, self._old.end_col_offset)
        )
        return self._new if same_place else super().visit(node)


def _is_header(node: ast.stmt) -> bool:
    body = body_of(node)
    if isinstance(node, Definition) and body and is_docstring(body[0]):
        body = body[1:]
    if len(body) != 1 or not isinstance(body[0], ast.Expr):
        return False
    value = body[0].value
    return isinstance(value, ast.Constant) and value.value is ...


def _headline(node: ast.stmt, pattern: ast.stmt) -> str:
    # A pattern without decorators speaks of the line with the keyword alone.
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not getattr(
        pattern, "decorator_list", None
    ):
        fields = [f"{name}={dump(child)}" for name, child in ast.iter_fields(node) if isinstance(child, ast.AST)]
        lists = [
            f"{name}={[dump(item) for item in cast('list[ast.AST]', child)]}"
            for name, child in ast.iter_fields(node)
            if isinstance(child, list) and name in ("bases", "keywords")
        ]
        return " ".join([type(node).__name__, node.name, *fields, *lists])
    return dump(node, "header")
