"""How the time of a conversion grows with the lines it converts: releases as they are, and one four times as large.

`python -m benchmarks.growth` prints a table. The large one is made here: the patched release and copies of it, each a
subpackage that imports itself only. CPU seconds of one process, from the patched texts to the converted ones, without
what earlier runs have kept.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from codemods.convert import convert
from codemods.memory import no_collection
from codemods.patches import apply_patches, load_patches
from codemods.pin import load_pin
from codemods.project import cache_directory, find_project
from codemods.rules import load_rules
from codemods.source import PACKAGE
from codemods.stages import Patched
from codemods.sync import SyncOptions, python_texts, read_release

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


def main(
    releases: Annotated[list[str] | None, typer.Argument(metavar="[RELEASE]...")] = None,
    runs: Annotated[int, typer.Option(min=1, help="Times each is converted; the quickest counts.")] = 3,
) -> None:
    """Print lines, CPU seconds and seconds per 1,000 lines of each release, and of the last four times over."""
    table = Table("converted", "files", "lines", "CPU s", "s per 1,000 lines")
    for release in releases or ["3.2.1", "3.3.1"]:
        one = patched(release)
        _add(table, release, one.files, one.final, runs)
        if release == (releases or ["3.3.1"])[-1]:
            _add(table, f"{release}, {COPIES} times", copied(one.files, COPIES), one.final, runs)
    Console().print(table)


def _add(table: Table, name: str, files: Mapping[str, str], final: tuple[str, ...], runs: int) -> None:
    lines = sum(text.count("\n") for path, text in files.items() if path.endswith(".py"))
    least = min(seconds(files, final, name) for _ in range(runs))
    table.add_row(name, f"{len(files):,}", f"{lines:,}", f"{least:.1f}", f"{1000 * least / lines:.3f}")


if __name__ == "__main__":
    typer.run(main)
