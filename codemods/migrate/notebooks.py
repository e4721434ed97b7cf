"""Jupyter notebooks as programs: the code cells in a row are one module, whose top level may await.

Only the source of cells that change is written again; every other byte of the file, outputs and metadata included,
stays. Lines that are IPython's and not Python's (magics, shell commands, help) are put aside and back.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

from codemods.errors import ToolError

_CELL = re.compile(r"^__dspy_async_cell_(\d+)__\n", re.MULTILINE)
_ASIDE = re.compile(r"^(?P<indent>[ \t]*)(?P<code>.*?)  # dspy-async-aside (?P<number>\d+)$", re.MULTILINE)
_MAGIC = re.compile(r"^\s*(?:[%!?]|[\w.*]+\?{1,2}\s*$|[\w.,\s]+=\s*[%!]\S)")
_TIMED = re.compile(r"^(?P<lead>\s*%(?:time|timeit|prun)\s+(?:-\S+\s+)*)(?P<code>\S.*)$")
_ASSIGNED = re.compile(r"^(?P<target>[\w.,\s]+)=\s*[%!]")
_WRAPPING = frozenset({"time", "timeit", "capture", "prun", "memit", "mprun", "lprun"})
"""Cell magics whose body is Python that runs in the notebook's namespace."""
_TIMING = frozenset({"time", "timeit", "prun", "memit", "mprun", "lprun"})
"""Magics that run code themselves, where it cannot await."""
_SPACE = re.compile(r"[ \t\r\n]*")


class InvalidNotebookError(ToolError):
    """A file is not a notebook that can be read; names the file."""


@dataclass
class _Aside:
    """What a placeholder stands for: whole lines, or what leads the code of a line."""

    text: str
    leads: bool = False


@dataclass
class Cell:
    """A code cell. ``number`` counts all code cells from 1, as a reader does."""

    number: int
    start: int
    end: int
    source: str
    code: str | None = None
    """As Python; None where it is not (another language, or a syntax error)."""
    error: str | None = None
    error_line: int = 0
    asides: dict[int, _Aside] = field(default_factory=dict[int, _Aside])

    @cached_property
    def magic(self) -> str | None:
        """The name of its cell magic."""
        first = next((line for line in self.source.splitlines() if line.strip()), "")
        return first[2:].split()[0] if first.startswith("%%") and first[2:].split() else None


@dataclass
class Notebook:
    """A notebook's file. ``text`` is the JSON as it is."""

    text: str
    cells: list[Cell]

    @property
    def program(self) -> str:
        """The cells as one module, with a statement before each that tells them apart."""
        return "".join(f"__dspy_async_cell_{cell.number}__\n{cell.code or ''}\n" for cell in self.cells)

    def place(self, line: int) -> tuple[int, int]:
        """The number of the cell, and the line in it, of a line of the program."""
        current, first = 0, 1
        for index, text in enumerate(self.program.split("\n"), 1):
            if index > line:
                break
            match = _CELL.match(text + "\n")
            if match is not None:
                current, first = int(match[1]), index + 1
        return current, max(line - first + 1, 1)

    def sources(self, program: str) -> dict[int, str]:
        """The new source of every cell of a converted ``program``, by number."""
        parts = _CELL.split(program)
        pending = parts[0]
        found: dict[int, str] = {}
        by_number = {cell.number: cell for cell in self.cells}
        for number, part in zip(map(int, parts[1::2]), parts[2::2], strict=True):
            cell = by_number[number]
            body = part.removesuffix("\n")
            if cell.code is None:
                # An import that was added, say: it belongs to the next cell that is Python.
                pending += f"{body}\n" if body.strip() else ""
                found[number] = cell.source
                continue
            code = pending + body
            pending = ""
            found[number] = cell.source if code == cell.code else _restored(code, cell)
        return found

    def rewritten(self, program: str) -> str:
        """The file's text with the cells of a converted ``program``."""
        sources = self.sources(program)
        text = self.text
        for cell in sorted(self.cells, key=lambda each: each.start, reverse=True):
            if sources[cell.number] != cell.source:
                raw = text[cell.start : cell.end]
                text = text[: cell.start] + _encoded(raw, sources[cell.number]) + text[cell.end :]
        return text

    def waiting_magics(self, program: str) -> Iterator[tuple[int, int, str]]:
        """``(cell, line, magic)`` of magics that would run code of a converted ``program`` that awaits."""
        sources = self.sources(program)
        for cell in self.cells:
            source = sources[cell.number]
            if source == cell.source:
                continue
            if cell.magic in _TIMING and "await " in source:
                yield cell.number, 1, f"%%{cell.magic}"
            for line, text in enumerate(source.splitlines(), 1):
                match = _TIMED.match(text)
                if match is not None and "await " in match["code"]:
                    yield cell.number, line, match["lead"].split()[0]


def read_notebook(text: str, path: str) -> Notebook:
    """Read a notebook's JSON.

    Raises:
        InvalidNotebookError: it is no notebook of format 4.
    """
    try:
        spans = dict(_members(text, _skip(text, 0)))
        document = cast("dict[str, Any]", json.loads(text))
        if not isinstance(document.get("cells"), list):
            raise InvalidNotebookError(
                f"{path}: not a notebook of format 4: it has no list of cells",
                remedy="Convert it with `jupyter nbconvert --to notebook --nbformat 4`, then run the command again.",
            )
        cells = _cells(text, spans["cells"][0], document) if _is_python(document) else []
    except (json.JSONDecodeError, KeyError, IndexError, AttributeError, TypeError) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else 1
        raise InvalidNotebookError(
            f"{path}:{line}: not a notebook: {error}", remedy="Mend the file, then run the command again."
        ) from error
    for cell in cells:
        _read_code(cell)
    return Notebook(text, cells)


def _is_python(document: dict[str, Any]) -> bool:
    metadata = document.get("metadata", {})
    language = metadata.get("kernelspec", {}).get("language") or metadata.get("language_info", {}).get("name")
    return language is None or str(language).lower() in ("python", "python3", "ipython")


def _cells(text: str, start: int, document: dict[str, Any]) -> list[Cell]:
    found: list[Cell] = []
    for (begin, _), cell in zip(_elements(text, start), document["cells"], strict=True):
        if cell.get("cell_type") != "code":
            continue
        first, last = dict(_members(text, begin))["source"]
        source = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
        found.append(Cell(len(found) + 1, first, last, source))
    return found


# --- what is IPython's ------------------------------------------------------------------------------------------------


def _read_code(cell: Cell) -> None:
    """Fill in the cell's code: what is IPython's is put aside."""
    if cell.magic is not None and cell.magic not in _WRAPPING:
        return
    lines = cell.source.split("\n")
    if cell.magic is not None:
        first = next(index for index, line in enumerate(lines) if line.strip())
        _put_aside(cell, lines, first)
    while True:
        code = "\n".join(lines)
        try:
            ast.parse(code)
        except (SyntaxError, ValueError) as error:
            index = (getattr(error, "lineno", None) or 1) - 1
            if not (index < len(lines) and _MAGIC.match(lines[index]) and "dspy-async-aside" not in lines[index]):
                cell.error, cell.error_line = getattr(error, "msg", None) or str(error), index + 1
                return
            _put_aside(cell, lines, index)
            continue
        cell.code = code
        return


def _put_aside(cell: Cell, lines: list[str], index: int) -> None:
    line, number = lines[index], len(cell.asides)
    timed = _TIMED.match(line)
    if timed is not None and _parses(timed["code"]):
        cell.asides[number] = _Aside(timed["lead"], leads=True)
        lines[index] = f"{timed['code']}  # dspy-async-aside {number}"
        return
    last = index
    while lines[last].endswith("\\") and last + 1 < len(lines):
        last += 1
    cell.asides[number] = _Aside("\n".join(lines[index : last + 1]))
    indent = line[: len(line) - len(line.lstrip())]
    assigned = _ASSIGNED.match(line)
    code = f"{assigned['target'].strip()} = None" if assigned is not None else "pass"
    lines[index : last + 1] = [f"{indent}{code}  # dspy-async-aside {number}"]


def _parses(code: str) -> bool:
    try:
        ast.parse(code)
    except (SyntaxError, ValueError):
        return False
    return True


def _restored(code: str, cell: Cell) -> str:
    def back(match: re.Match[str]) -> str:
        aside = cell.asides[int(match["number"])]
        return f"{match['indent']}{aside.text}{match['code']}" if aside.leads else aside.text

    return _cell_magic_first(_ASIDE.sub(back, code), cell)


def _cell_magic_first(source: str, cell: Cell) -> str:
    """A cell magic leads its cell, also where an import was added."""
    if cell.magic is None:
        return source
    lines = source.split("\n")
    index = next((i for i, line in enumerate(lines) if line.startswith("%%")), 0)
    return "\n".join([lines[index], *lines[:index], *lines[index + 1 :]])


# --- JSON, by place ---------------------------------------------------------------------------------------------------


def _skip(text: str, index: int) -> int:
    match = _SPACE.match(text, index)
    return match.end() if match is not None else index


def _value_end(text: str, index: int) -> int:
    return json.JSONDecoder().raw_decode(text, index)[1]


def _members(text: str, index: int) -> Iterator[tuple[str, tuple[int, int]]]:
    """Names of the object that starts at ``index``, with where their values start and end."""
    index = _skip(text, index + 1)
    while text[index] != "}":
        index, named = _value_end(text, index), index
        name = cast("str", json.loads(text[named:index]))
        start = _skip(text, _skip(text, index) + 1)
        end = _value_end(text, start)
        yield name, (start, end)
        index = _skip(text, end)
        if text[index] == ",":
            index = _skip(text, index + 1)


def _elements(text: str, index: int) -> Iterator[tuple[int, int]]:
    """Where the elements of the array that starts at ``index`` start and end."""
    index = _skip(text, index + 1)
    while text[index] != "]":
        end = _value_end(text, index)
        yield index, end
        index = _skip(text, end)
        if text[index] == ",":
            index = _skip(text, index + 1)


def _encoded(raw: str, source: str) -> str:
    """``source`` in the form that ``raw``, the JSON of another source, is written in."""
    ascii_only = "\\u" in raw and raw.isascii()
    if raw.startswith('"'):
        return json.dumps(source, ensure_ascii=ascii_only)
    places = list(_elements(raw, 0))
    known = {cast("str", json.loads(raw[start:end])): raw[start:end] for start, end in places}
    head, tail = raw[: places[0][0]], raw[places[-1][1] :]
    between = raw[places[0][1] : places[1][0]] if len(places) > 1 else "," + head[1:]
    lines = source.splitlines(keepends=True)
    return head + between.join(known.get(line, json.dumps(line, ensure_ascii=ascii_only)) for line in lines) + tail
