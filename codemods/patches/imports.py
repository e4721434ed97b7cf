"""Imports that patches bring, in their place, and those that nothing uses any more."""

from __future__ import annotations

import ast
import itertools
import sys
from collections.abc import Iterable, Mapping
from typing import cast

from codemods.patches.model import AddPatch, LoadedPatch
from codemods.patches.text import Change
from codemods.symbols import SourceText, Symbol, is_docstring
from codemods.syntax import parsed, walk


def module_of(path: str) -> str:
    """The dotted name of the module at a path."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imported(text: str) -> set[str]:
    """The names that a module imports, in whatever scope."""
    imports = [node for node in walk(parsed(text)) if isinstance(node, ast.Import | ast.ImportFrom)]
    return {alias.asname or alias.name.partition(".")[0] for node in imports for alias in node.names}


def imported_elsewhere(files: Mapping[str, str]) -> dict[str, set[str]]:
    """The names that other modules import from a module, by its name."""
    found: dict[str, set[str]] = {}
    for path, text in files.items():
        owner = module_of(path).split(".") + ["__init__"] * path.endswith("/__init__.py")
        for node in walk(parsed(text)) if path.endswith(".py") else ():
            if isinstance(node, ast.ImportFrom):
                base = owner[: -node.level] if node.level else []
                module = ".".join([*base, *([node.module] if node.module else [])])
                found.setdefault(module, set()).update(alias.name for alias in node.names)
    return found


def wanted_imports(pairs: Iterable[tuple[LoadedPatch, Symbol | None]]) -> dict[str, dict[str, str]]:
    """The imports that patches add to a file: each once, with the first patch that wants it."""
    wanted: dict[str, dict[str, str]] = {}
    for loaded, symbol in pairs:
        if symbol is not None and not isinstance(loaded.patch, AddPatch):
            for line in loaded.patch.imports.split("\n"):
                if not line.strip():
                    continue
                wanted.setdefault(symbol.source.path, {}).setdefault(line, loaded.where)
    return {path: _joined(lines) for path, lines in wanted.items()}


def _joined(lines: Mapping[str, str]) -> dict[str, str]:
    """Import lines, with what several of them want of one module in one."""
    by_module: dict[str, dict[str, str]] = {}
    for line, where in lines.items():
        statement = ast.parse(line).body[0]
        base = f"{'.' * statement.level}{statement.module}" if isinstance(statement, ast.ImportFrom) else line
        by_module.setdefault(base, {})[line] = where
    joined: dict[str, str] = {}
    for base, same in by_module.items():
        if len(same) > 1:
            names = {name.strip() for line in same for name in line.partition(" import ")[2].split(",")}
            same = {f"from {base} import {', '.join(sorted(names))}": next(iter(same.values()))}
        joined |= same
    return joined


def import_changes(source: SourceText, lines: Mapping[str, str]) -> list[Change]:
    """The changes that bring imports into a file, each to the others of its kind."""
    present = set(source.text.splitlines())
    changes: list[Change] = []
    opened: set[int] = set()
    for line in sorted(lines, key=lambda line: _import_order(source, ast.parse(line).body[0])):
        if line not in present:
            offset, gap = _import_place(source, line)
            text = f"\n{line}\n" if gap and offset not in opened else f"{line}\n"
            opened.add(offset)
            changes.append(Change(offset, offset, text, lines[line]))
    return changes


def _import_place(source: SourceText, line: str) -> tuple[int, bool]:
    """The place for one more import among the module's first ones, in isort's order; whether it begins a group."""
    order = _import_order(source, ast.parse(line).body[0])
    leading = itertools.takewhile(
        lambda node: isinstance(node, ast.Import | ast.ImportFrom),
        itertools.dropwhile(is_docstring, source.tree.body),
    )
    nodes = list(leading)
    before = list(itertools.takewhile(lambda node: _import_order(source, node) <= order, nodes))
    after = nodes[len(before)] if len(before) < len(nodes) else None
    if after is not None and (not before or _import_order(source, after)[0] == order[0]):
        return source.start(after), False
    if not before:
        return 0, False
    return source.line_end(source.end(before[-1])), _import_order(source, before[-1])[0] != order[0]


def _import_order(source: SourceText, node: ast.stmt) -> tuple[int, bool, str]:
    """Future statements, the standard library, other packages, the package itself; `import` before `from`."""
    package = source.path.partition("/")[0]
    if isinstance(node, ast.ImportFrom):
        name = f"{package}.{node.module}" if node.level else node.module or ""
    else:
        name = cast("ast.Import", node).names[0].name
    top = name.partition(".")[0]
    kind = 3 if top == package else 0 if top == "__future__" else 1 if top in sys.stdlib_module_names else 2
    return kind, isinstance(node, ast.ImportFrom), name.lower()
