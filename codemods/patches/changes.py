"""What one patch changes in the text of its symbol's module."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator
from typing import Literal

from codemods.errors import ToolError
from codemods.patches.edits import Editor
from codemods.patches.model import EditPatch, InsertPatch, LoadedPatch, Patch, RemovePatch, ReplacePatch
from codemods.patches.text import Change, deletion, indent_at, parse_code, reindent
from codemods.symbols import Definition, Symbol, body_of


def changes_of(loaded: LoadedPatch, symbol: Symbol) -> Iterator[Change]:
    """The changes that a patch makes to the text of its symbol's file. Raises :class:`ToolError`."""
    patch = loaded.patch
    if isinstance(patch, EditPatch):
        for edit in patch.edit:
            yield from Editor(loaded, symbol).edit(edit)
    elif isinstance(patch, InsertPatch):
        yield _insertion(loaded, symbol, patch.position)
    elif isinstance(patch, ReplacePatch):
        yield _replacement(loaded, symbol)
    elif isinstance(patch, RemovePatch):
        yield deletion(loaded, symbol.source, [_statement(loaded, symbol)], symbol.siblings, comments=True)


def _statement(loaded: LoadedPatch, symbol: Symbol) -> ast.stmt:
    if isinstance(symbol.node, ast.Module):
        raise ToolError(
            f"{loaded.where}: {loaded.symbol} is a module; a {loaded.patch.kind} wants a symbol in it",
            remedy="Name the symbol, or use `edit`.",
        )
    return symbol.node


def _replacement(loaded: LoadedPatch, symbol: Symbol) -> Change:
    node, source = _statement(loaded, symbol), symbol.source
    start = source.keyword_start(node) if keeps_decorators(loaded.patch) else source.start(node)
    name = loaded.symbol.rpartition(":")[2].rpartition(".")[2]
    if name not in _defined(parse_code(loaded, loaded.code)):
        raise ToolError(f"{loaded.where}: the code for {loaded.symbol} defines no {name}", remedy="Mend the patch.")
    code = reindent(loaded.code, indent_at(source, start)).strip()
    return Change(start, source.end(node), _with_kept(code, name, loaded, symbol), loaded.where)


def _with_kept(code: str, name: str, loaded: LoadedPatch, symbol: Symbol) -> str:
    """The code of a replacement, its class with those members of upstream's that it keeps."""
    kept = loaded.patch.keep if isinstance(loaded.patch, ReplacePatch) else ()
    if not kept:
        return code
    members = {each.name: each for each in body_of(symbol.node) if isinstance(each, Definition)}
    own = next(
        (n for n in ast.parse(textwrap.dedent(code)).body if isinstance(n, ast.ClassDef) and n.name == name), None
    )
    wrong = [each for each in kept if each not in members or (own is not None and each in _defined(own))]
    if own is None or wrong:
        raise ToolError(
            f"{loaded.where}: the code for {loaded.symbol} cannot keep {', '.join(wrong or kept)} of upstream's: "
            "that is for a class, and members that upstream's has and the code does not",
            remedy="Read upstream's class, then mend `keep`.",
        )
    source = symbol.source
    texts = [source.text[source.line_start(source.start(members[k])) : source.end(members[k])] for k in kept]
    lines = code.splitlines()
    return "\n".join([*lines[: own.end_lineno], *(f"\n{text}" for text in texts), *lines[own.end_lineno :]])


def keeps_decorators(patch: Patch) -> bool:
    """Whether a patch leaves upstream's decorators where they are."""
    return isinstance(patch, ReplacePatch) and patch.decorators == "upstream"


def _defined(tree: ast.Module | ast.ClassDef) -> set[str]:
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


def _insertion(loaded: LoadedPatch, symbol: Symbol, position: Literal["before", "after"]) -> Change:
    node, source = _statement(loaded, symbol), symbol.source
    start, end = source.start(node), source.line_end(source.end(node))
    indent = indent_at(source, start)
    code = reindent(loaded.code.strip("\n") + "\n", indent)
    written = parse_code(loaded, loaded.code).body
    defines = any(isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) for n in (node, *written))
    gap = ("\n" if indent else "\n\n") if defines else ""
    if position == "after":
        return Change(end, end, gap + code, loaded.where)
    begin = source.line_start(start)
    return Change(begin, begin, code + gap, loaded.where)
