"""What `dspy-async migrate` shows: the differences, what was done by code, and where a person must decide."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from codemods.migrate.codes import all_codes
from codemods.migrate.command import Converted, MigrateResult

_STYLES = (("+++", "bold"), ("---", "bold"), ("@@", "cyan"), ("+", "green"), ("-", "red"))


def print_diff(console: Console, result: MigrateResult) -> None:
    """The differences in unified form, coloured where the console is a terminal; `patch` can read them."""
    for file in result.changed:
        for line in _diff(file):
            style = next((style for start, style in _STYLES if line.startswith(start)), "")
            # Line ends and wide lines as they are.
            console.print(Text(line.rstrip("\n"), style), soft_wrap=True, markup=False)


def _diff(file: Converted) -> Iterator[str]:
    before, after = _lines(file.source.text), _lines(file.text)
    name = file.source.shown.lstrip("/")
    for line in difflib.unified_diff(before, after, f"a/{name}", f"b/{name}"):
        yield line
        if not line.endswith("\n"):
            yield "\\ No newline at end of file\n"


def _lines(text: str) -> list[str]:
    """Lines as tools that read differences count them: ends of other kinds are part of a line."""
    parts = text.split("\n")
    return [*(f"{part}\n" for part in parts[:-1]), *([parts[-1]] if parts[-1] else [])]


def to_terminal(result: MigrateResult) -> RenderableType:
    """What was done, by code, and what a person must look at."""
    parts: list[RenderableType] = []
    counts = result.counts
    if counts:
        table = Table("code", "what", "times", box=None, pad_edge=False)
        for code, count in sorted(counts.items()):
            entry = all_codes()[code]
            table.add_row(code, entry.title, str(count), style="yellow" if entry.kind == "finding" else None)
        parts.append(table)
    for error in result.errors:
        parts.append(Text(f"error: {error.problem}", "red"))
    if result.places:
        parts.append(Text("a person must decide:", "bold yellow"))
        parts += [Text(str(place)) for place in result.places]
    parts.append(Text(_sentence(result), "bold"))
    return Group(*parts)


def _sentence(result: MigrateResult) -> str:
    changed, alone = len(result.changed), len(result.files) - len(result.changed)
    done = "converted" if result.written else "would be converted"
    said = [f"{_files(changed)} {done}", f"{_files(alone)} left as {'it was' if alone == 1 else 'they were'}"]
    if result.errors:
        said.append(f"{len(result.errors)} in error")
    if result.places:
        said.append(f"{len(result.places)} to look at")
    return ", ".join(said)


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"
