"""The blocks of a Markdown page, for tests that run what a page shows. Needs neither package."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^(?P<fence>```+)(?P<language>[\w+-]*)[^\n]*\n(?P<text>.*?)^(?P=fence)[ ]*$", re.M | re.S)
_HEADING = re.compile(r"^#+ +(.+?) *$", re.M)


@dataclass(frozen=True)
class Block:
    """One fenced block. `line` is that of its text's first line, counted from 1; `section` the heading above it."""

    language: str
    text: str
    line: int
    section: str


def blocks(page: Path | str, *languages: str) -> list[Block]:
    """The blocks of a page, or of a page's text, in order, of all languages or of some."""
    page = page if isinstance(page, str) else page.read_text("utf-8")
    fences = list(_FENCE.finditer(page))
    # A comment in a block of shell looks like a heading.
    headings = [
        each
        for each in _HEADING.finditer(page)
        if not any(fence.start() <= each.start() < fence.end() for fence in fences)
    ]
    found: list[Block] = []
    for fence in fences:
        above = [each for each in headings if each.start() < fence.start()]
        line = page.count("\n", 0, fence.start("text")) + 1
        found.append(Block(fence["language"], fence["text"], line, above[-1][1] if above else ""))
    return [block for block in found if not languages or block.language in languages]


def says(pattern: str, text: str) -> bool:
    """Whether a text begins with what a page shows, in which `...` stands for anything; the rest may be more."""
    wanted = ".*?".join(re.escape(part) for part in pattern.strip().split("..."))
    return re.match(wanted, text, re.S) is not None
