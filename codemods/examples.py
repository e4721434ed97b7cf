"""Code examples in text: finds the blocks of Python in a docstring or a Markdown page, and puts others in their place.

Knows fenced blocks (```` ```python ````, or a fence without a language that holds Python) and doctest prompts.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

_FENCE = re.compile(r"^(\s*(?:(?:[-*+]|\d+[.)])\s+)*)(```+|~~~+)\s*([\w+-]*)\s*.*$")
_PYTHON = frozenset({"python", "py", "python3", "", "pycon"})


@dataclass(frozen=True)
class Example:
    """One block. ``first`` and ``last`` are line indexes (last exclusive) of its code in the text, from 0."""

    first: int
    last: int
    indent: str
    prompts: bool
    code: str


def find_examples(text: str) -> list[Example]:
    """Blocks that are valid Python, in order."""
    lines = text.split("\n")
    found: list[Example] = []
    index = 0
    while index < len(lines):
        fence = _FENCE.match(lines[index])
        if fence is not None:
            end = _fence_end(lines, index, fence.group(2))
            body = lines[index + 1 : end]
            if fence.group(3).lower() in _PYTHON:
                found.extend(_fenced(body, index + 1, " " * len(fence.group(1))))
            index = end + 1
        elif lines[index].lstrip().startswith(">>> "):
            end = _prompts_end(lines, index)
            found.extend(_prompted(lines[index:end], index))
            index = end
        else:
            index += 1
    return found


def replace_examples(text: str, replacements: Mapping[Example, str]) -> str:
    """``text`` with the code of some of its examples replaced; the new code keeps indentation and prompts."""
    lines = text.split("\n")
    for example in sorted(replacements, key=lambda e: e.first, reverse=True):
        code = replacements[example]
        new = _with_prompts(lines, example, code) if example.prompts else _indented(code, example.indent)
        if new is not None:
            lines[example.first : example.last] = new
    return "\n".join(lines)


def _fence_end(lines: list[str], start: int, mark: str) -> int:
    for index in range(start + 1, len(lines)):
        if lines[index].strip().startswith(mark):
            return index
    return len(lines)


def _fenced(body: list[str], first: int, indent: str) -> list[Example]:
    if any(line.lstrip().startswith(">>> ") for line in body):
        return find_examples_in(body, first)
    code = textwrap.dedent("\n".join(body))
    filled = [line for line in body if line.strip()]
    lead = filled[0][: len(filled[0]) - len(filled[0].lstrip())] if filled else indent
    return [Example(first, first + len(body), lead, False, code)] if filled and _is_python(code) else []


def find_examples_in(body: list[str], first: int) -> list[Example]:
    """Prompted examples within a block."""
    found: list[Example] = []
    index = 0
    while index < len(body):
        if body[index].lstrip().startswith(">>> "):
            end = _prompts_end(body, index)
            found.extend(_prompted(body[index:end], first + index))
            index = end
        else:
            index += 1
    return found


def _prompts_end(lines: list[str], start: int) -> int:
    index = start
    while index < len(lines) and lines[index].strip():
        index += 1
    return index


def _prompted(body: list[str], first: int) -> list[Example]:
    indent = body[0][: len(body[0]) - len(body[0].lstrip())]
    code = "\n".join(line.strip()[4:] for line in body if _is_prompt(line))
    return [Example(first, first + len(body), indent, True, code)] if _is_python(code) else []


def _is_prompt(line: str) -> bool:
    return line.strip().startswith((">>> ", "... ")) or line.strip() in (">>>", "...")


def _is_python(code: str) -> bool:
    try:
        return bool(ast.parse(code).body)
    except (SyntaxError, ValueError):
        return False


def _indented(code: str, indent: str) -> list[str]:
    return [f"{indent}{line}" if line.strip() else "" for line in code.split("\n")]


def _with_prompts(lines: list[str], example: Example, code: str) -> list[str] | None:
    """New code behind prompts, the printed results where they were; None where statements do not match one to one."""
    before, after = ast.parse(example.code).body, ast.parse(code).body
    if len(before) != len(after):
        return None
    results = _results(lines, example)
    code_lines = code.split("\n")
    made: list[str] = []
    for index, statement in enumerate(after):
        start = _first_line(statement) - 1
        end = _first_line(after[index + 1]) - 1 if index + 1 < len(after) else len(code_lines)
        for offset, line in enumerate(code_lines[start:end]):
            prompt = ">>> " if offset == 0 else "... "
            made.append(f"{example.indent}{prompt}{line}".rstrip())
        made.extend(results.get(index, []))
    return made


def _results(lines: list[str], example: Example) -> dict[int, list[str]]:
    """Printed results by the index of the statement they follow."""
    starts = [_first_line(statement) for statement in ast.parse(example.code).body]
    found: dict[int, list[str]] = {}
    number = 0
    for line in lines[example.first : example.last]:
        if _is_prompt(line):
            number += 1
        else:
            index = sum(start <= number for start in starts) - 1
            found.setdefault(index, []).append(line)
    return found


def _first_line(statement: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(d.lineno for d in decorators)])
