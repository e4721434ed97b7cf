"""Comments where a person must decide: ``# dspy-async: CODE message``, in the line above the statement."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from typing import cast

from codemods.migrate.codes import code_of
from codemods.plan import FilePlan
from codemods.stages import Finding

_MARK = "# dspy-async:"
_MARKED = re.compile(r"#\s*dspy-async:\s*(?P<ignore>ignore\b)?(?P<rest>.*)$")
_CODE = re.compile(r"DA\d{3}")
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|$)")


def unsilenced(text: str, findings: Iterable[Finding]) -> list[Finding]:
    """The findings that no ``# dspy-async: ignore CODE`` on or above their line has settled."""
    if "dspy-async" not in text:
        return list(findings)
    lines = text.splitlines()
    return [finding for finding in findings if code_of(finding.rule) not in _settled(lines, finding.line)]


def _settled(lines: Sequence[str], line: int) -> set[str]:
    """Codes that a person has settled for a line."""
    found: set[str] = set()
    for text in [lines[line - 1] if line <= len(lines) else "", *_comments_above(lines, line)]:
        match = _MARKED.search(text)
        if match is not None and match["ignore"]:
            found.update(_CODE.findall(match["rest"]))
    return found


def _comments_above(lines: Sequence[str], line: int) -> list[str]:
    found: list[str] = []
    index = line - 2
    while 0 <= index < len(lines) and lines[index].lstrip().startswith("#"):
        found.append(lines[index])
        index -= 1
    return found


def add_comments(text: str, findings: Iterable[Finding], plan: FilePlan) -> tuple[str, FilePlan]:
    """``text`` with a comment above each statement that has findings, and the plan with its places moved along.

    A comment that is there already, by its code, is not added again. One a statement and code: the first message.
    """
    lines = [match.group() for match in _LINE.finditer(text) if match.group()]
    tree = ast.parse(text)
    added: dict[int, list[str]] = {}
    for finding in findings:
        line = _statement_line(tree, lines, finding.line)
        if line is None:
            continue
        code = code_of(finding.rule)
        above = [*_comments_above(lines, line), *added.get(line, ())]
        if not any(_MARK in comment and code in comment for comment in above):
            added.setdefault(line, []).append(_comment(lines[line - 1], code, finding.message))
    if not added:
        return text, plan
    end = "\r\n" if "\r\n" in text else "\n"
    made = [part for number, line in enumerate(lines, 1) for part in (*(c + end for c in added.get(number, ())), line)]
    commented = "".join(made)
    assert ast.dump(ast.parse(commented)) == ast.dump(tree), "a comment changed the meaning of the code"
    return commented, _moved(plan, {line: len(comments) for line, comments in added.items()})


def _comment(line: str, code: str, message: str) -> str:
    indent = line[: len(line) - len(line.lstrip())]
    return f"{indent}{_MARK} {code} {' '.join(message.split())}"


def _statement_line(tree: ast.Module, lines: Sequence[str], line: int) -> int | None:
    """The first line of the innermost statement around a line, if a comment can stand above it."""
    starts: list[tuple[int, int]] = []
    held: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt):
            decorators = cast("list[ast.expr]", getattr(node, "decorator_list", []))
            start = min([node.lineno, *(each.lineno for each in decorators)])
            if start <= line <= (node.end_lineno or start):
                starts.append((start, node.col_offset))
        elif isinstance(node, ast.Constant | ast.JoinedStr) and node.end_lineno is not None:
            # Within a string a comment would be text.
            held.update(range(node.lineno + 1, node.end_lineno + 1))
    for start, _ in sorted(starts, reverse=True):
        behind = start > 1 and lines[start - 2].rstrip("\r\n").endswith("\\")
        if start not in held and not behind:
            return start
    return None


def _moved(plan: FilePlan, added: dict[int, int]) -> FilePlan:
    """The plan for a text in which comments were put above some lines."""

    def shifted(line: int) -> int:
        return line + sum(count for above, count in added.items() if above <= line)

    def place(key: tuple[object, ...]) -> tuple[object, ...]:
        # Line and column, once or twice; what else a plan holds is no place.
        return tuple(
            shifted(part) if isinstance(part, int) and index % 2 == 0 else part for index, part in enumerate(key)
        )

    updates: dict[str, object] = {}
    for each in fields(plan):
        value: object = getattr(plan, each.name)
        if isinstance(value, dict):
            entries = cast("dict[tuple[object, ...], object]", value)
            updates[each.name] = {place(key): entry for key, entry in entries.items()}
        elif isinstance(value, set):
            updates[each.name] = {place(key) for key in cast("set[tuple[object, ...]]", value)}
    return replace(plan, **updates)  # pyright: ignore[reportArgumentType] - the fields are given what they hold
