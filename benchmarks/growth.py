"""How the time of a conversion grows with the lines it converts: releases as they are, and one four times as large.

`python -m benchmarks.growth` prints a table. The large one is made here: the patched release and copies of it, each a
subpackage that imports itself only. CPU seconds of one process, from the patched texts to the converted ones, without
what earlier runs have kept.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.measures import Growth
from benchmarks.render import GROWTH_HEADINGS, growth_cells
from codemods.convert import convert
from codemods.memory import no_collection
from codemods.patches import apply_patches, load_patches
from codemods.pin import load_pin
from codemods.project import cache_directory, find_project
from codemods.rules import load_rules
from codemods.source import PACKAGE
from codemods.stages import Patched
from codemods.sync import SyncOptions, python_texts, read_release

RELEASES = ("3.2.1", "3.3.1")
COPIES = 4
_NAME = re.compile(rf"\b{PACKAGE}(?=\.[A-Za-z_]| +import\b)")


def patched(version: str | None) -> Patched:
    """A release after its patches; the pinned one by default. Raises ToolError."""
    options = SyncOptions(project=find_project(Path(__file__).parent), cache=cache_directory(), upstream=version)
    tree = read_release(load_pin(options.project.pin), options)
    return apply_patches(python_texts(tree), load_patches(options.project.patches), tree.version)


def copied(files: Mapping[str, str], copies: int) -> dict[str, str]:
    """The files and copies of them, as many in all as ``copies``; what a copy imports is the copy's own."""
    found = dict(files)
    for number in range(1, copies):
        package = f"{PACKAGE}.copy{number}"
        for path, text in files.items():
            below = path.removeprefix(f"{PACKAGE}/")
            found[f"{PACKAGE}/copy{number}/{below}"] = _NAME.sub(package, text)
    return found


@no_collection()
def seconds(files: Mapping[str, str], final: tuple[str, ...], version: str) -> float:
    """CPU seconds of converting these files."""
    started = time.process_time()
    convert(files, version=version, rules=load_rules(), final=final)
    return time.process_time() - started


def growth(releases: Sequence[str], runs: int) -> Iterator[Growth]:
    """What each release takes, and the last one four times over; the quickest run counts. Raises ToolError."""
    for release in releases:
        one = patched(release)
        yield _measured(release, one.files, one.final, release, runs)
        if release == releases[-1]:
            yield _measured(f"{release}, {COPIES} times", copied(one.files, COPIES), one.final, release, runs)


def _measured(name: str, files: Mapping[str, str], final: tuple[str, ...], version: str, runs: int) -> Growth:
    lines = sum(text.count("\n") for path, text in files.items() if path.endswith(".py"))
    least = min(seconds(files, final, version) for _ in range(runs))
    return Growth(tree=name, files=len(files), lines=lines, seconds=least)


def main(
    releases: Annotated[list[str] | None, typer.Argument(metavar="[RELEASE]...")] = None,
    runs: Annotated[int, typer.Option(min=1, help="Times each is converted; the quickest counts.")] = 3,
) -> None:
    """Print lines, CPU seconds and seconds per 1,000 lines of each release, and of the last four times over."""
    table = Table(*GROWTH_HEADINGS)
    for each in growth(releases or RELEASES, runs):
        table.add_row(*growth_cells(each))
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
