"""Upstream's symbols by qualified name: where they stand in the text, and what they say, formatting aside.

A symbol is `package.module:Class.method`; the module alone (`package.module:`) stands for its own statements:
imports, assignments and the like, functions and classes left out.
"""

from __future__ import annotations

import ast
import copy
import hashlib
import io
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Literal, TypeAlias, cast

from codemods.syntax import parsed

Definition: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Scope = Literal["whole", "own", "header"]
"""How much of a symbol counts: all of it, its own statements without nested definitions, or its first line."""

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_BODIES = ("body", "orelse", "finalbody", "handlers", "cases")
_IGNORED_FIELDS = frozenset({"ctx", "type_comment", "kind", "type_ignores", "type_params"})


class SymbolError(ValueError):
    """A symbol that is not there, or there more than once."""


@dataclass(frozen=True)
class SourceText:
    """A module's text, its syntax tree, and the way from the one to the other."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The text's syntax tree. Raises ``SyntaxError``."""
        return parsed(self.text)

    @cached_property
    def _lines(self) -> list[str]:
        return self.text.splitlines(keepends=True)

    @cached_property
    def _starts(self) -> list[int]:
        starts = [0]
        for line in self._lines:
            starts.append(starts[-1] + len(line))
        return starts

    def offset(self, line: int, column: int) -> int:
        """The character offset of a 1-based line and a column in UTF-8 bytes, as the syntax tree counts them."""
        if line > len(self._lines):
            return len(self.text)
        text = self._lines[line - 1]
        return self._starts[line - 1] + len(text.encode()[:column].decode())

    def line_of(self, offset: int) -> int:
        """The 1-based line of an offset."""
        return self.text.count("\n", 0, offset) + 1

    def line_start(self, offset: int) -> int:
        """The offset at which the line of an offset begins."""
        return self.text.rfind("\n", 0, offset) + 1

    def line_end(self, offset: int) -> int:
        """The offset just behind the line of an offset, its line break included."""
        end = self.text.find("\n", offset)
        return len(self.text) if end < 0 else end + 1

    def start(self, node: ast.stmt | ast.expr | ast.excepthandler) -> int:
        """Where a node begins, decorators included."""
        decorators = node.decorator_list if isinstance(node, _DEFINITIONS) else []
        if decorators:
            first = decorators[0]
            return self.text.rindex("@", 0, self.offset(first.lineno, first.col_offset) + 1)
        return self.offset(node.lineno, node.col_offset)

    def end(self, node: ast.stmt | ast.expr) -> int:
        """Where a node ends."""
        return self.offset(node.end_lineno or node.lineno, node.end_col_offset or 0)

    def keyword_start(self, node: ast.stmt) -> int:
        """Where a statement begins, without its decorators."""
        return self.offset(node.lineno, node.col_offset)

    def header_end(self, node: ast.stmt) -> int:
        """The offset just behind the colon that ends a compound statement's first line."""
        start = self.keyword_start(node)
        text = self.text[start : self.start(body_of(node)[0])]
        colon, depth = -1, 0
        for token in _tokens(text):
            if token.type != tokenize.OP:
                continue
            if token.string in "([{":
                depth += 1
            elif token.string in ")]}":
                depth -= 1
            elif token.string == ":" and depth == 0:
                colon = _token_offset(text, token.end)
        return start + colon


def _tokens(text: str) -> Iterator[tokenize.TokenInfo]:
    try:
        yield from tokenize.generate_tokens(io.StringIO(text).readline)
    except (tokenize.TokenError, IndentationError):
        return  # the text ends within a statement: all its tokens have been seen


def _token_offset(text: str, position: tuple[int, int]) -> int:
    lines = text.splitlines(keepends=True)
    return sum(len(line) for line in lines[: position[0] - 1]) + position[1]


def body_of(node: ast.AST) -> list[ast.stmt]:
    """The statements under a compound statement's header; empty for a simple one."""
    body = getattr(node, "body", None)
    return cast("list[ast.stmt]", body) if isinstance(body, list) else []


@dataclass(frozen=True)
class Symbol:
    """One symbol found in a module.

    Args:
        name: as it was asked for.
        source: the module.
        node: the definition.
        siblings: the statements of the block it stands in.
        owner: the qualified name of what it stands in, with `<locals>` for functions as Python writes it.
    """

    name: str
    source: SourceText
    node: ast.Module | ast.stmt
    siblings: tuple[ast.stmt, ...] = field(default=(), repr=False)
    owner: str = ""

    @property
    def line(self) -> int:
        """The 1-based line the symbol begins at."""
        return 1 if isinstance(self.node, ast.Module) else self.source.line_of(self.source.start(self.node))

    @property
    def text(self) -> str:
        """The symbol as it stands in the file."""
        if isinstance(self.node, ast.Module):
            own = [node for node in self.node.body if not isinstance(node, _DEFINITIONS)]
            return "\n".join(self.source.text[self.source.start(node) : self.source.end(node)] for node in own) + "\n"
        start = self.source.line_start(self.source.start(self.node))
        return self.source.text[start : self.source.end(self.node)] + "\n"

    def fingerprint(self, scope: Scope = "whole") -> str:
        """A hash of what the symbol says, in hex: see :func:`dump`."""
        return hashlib.sha256(dump(self.node, scope).encode()).hexdigest()


def split(symbol: str) -> tuple[str, str]:
    """The module and the qualified name in a symbol. Raises :class:`SymbolError`."""
    module, colon, name = symbol.partition(":")
    parts = [*module.split("."), *(name.split(".") if name else [])]
    if not colon or not all(part.isidentifier() for part in parts):
        raise SymbolError(f"{symbol!r} is not of the form package.module:Class.method (or package.module:)")
    return module, name


def module_path(files: Mapping[str, str], module: str) -> str:
    """The file that holds a module. Raises :class:`SymbolError`."""
    base = module.replace(".", "/")
    for path in (f"{base}.py", f"{base}/__init__.py"):
        if path in files:
            return path
    raise SymbolError(f"there is no module {module} (looked for {base}.py and {base}/__init__.py)")


@lru_cache(maxsize=256)
def _source(path: str, text: str) -> SourceText:
    # Many patches stand in few files, which are parsed once.
    return SourceText(path, text)


def find(files: Mapping[str, str], symbol: str) -> Symbol:
    """Look a symbol up. Raises :class:`SymbolError`: no such module or name, or a name defined more than once."""
    module, name = split(symbol)
    path = module_path(files, module)
    source = _source(path, files[path])
    if not name:
        return Symbol(symbol, source, source.tree)
    siblings: list[ast.stmt] = source.tree.body
    found: list[tuple[ast.stmt, list[ast.stmt]]] = []
    walked: list[str] = []
    above = ""
    for part in name.split("."):
        if found:
            above += f"{walked[-1]}." if isinstance(found[0][0], ast.ClassDef) else f"{walked[-1]}.<locals>."
        found = list(_definitions(siblings, part))
        owner = f"{module}:{'.'.join(walked)}".rstrip(":")
        if not found:
            raise SymbolError(f"{path} has no {part!r} in {owner}")
        if len(found) > 1:
            lines = ", ".join(str(source.line_of(source.start(node))) for node, _ in found)
            raise SymbolError(f"{path} defines {part!r} in {owner} {len(found)} times (lines {lines})")
        siblings = body_of(found[0][0])
        walked.append(part)
    return Symbol(symbol, source, found[0][0], tuple(found[0][1]), above)


def _definitions(body: list[ast.stmt], name: str) -> Iterator[tuple[ast.stmt, list[ast.stmt]]]:
    for node in body:
        if isinstance(node, _DEFINITIONS):
            if node.name == name:
                yield node, body
            continue
        if isinstance(node, ast.Assign):
            targets: list[ast.expr] = node.targets
        else:
            targets = [node.target] if isinstance(node, ast.AnnAssign) else []
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            yield node, body
        for nested in blocks(node):
            yield from _definitions(nested, name)


def blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """The statement lists directly in a compound statement: bodies, else branches, handlers, cases."""
    for name in _BODIES:
        value: object = getattr(node, name, None)
        if not isinstance(value, list):
            continue
        items = cast("list[ast.AST]", value)
        if items and isinstance(items[0], ast.excepthandler | ast.match_case):
            for item in items:
                yield from blocks(item)
        elif items:
            yield cast("list[ast.stmt]", items)


def undecorated(node: Definition) -> Definition:
    """A function or class without its decorators."""
    bare = copy.copy(node)
    bare.decorator_list = []
    return bare


def is_docstring(node: ast.stmt) -> bool:
    """Whether a statement is nothing but a string."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def dump(node: ast.AST, scope: Scope = "whole") -> str:
    """What a piece of code says, as text: equal for any two spellings of the same syntax tree.

    Comments, formatting and docstrings do not count. The form is this function's own, and not `ast.dump`'s, whose
    fields differ between versions of Python: empty fields and contexts are left out, strings are written in ASCII,
    and the pieces of an f-string are joined, since their number differs between versions.

    Args:
        node: a module, statement or expression.
        scope: `own` leaves functions and classes within a class or module out, `header` all its statements.
    """
    if scope == "header":
        return _dump(node, {"body": None, "orelse": None})
    if scope == "own" and isinstance(node, ast.Module | ast.ClassDef):
        return _dump(node, {"body": [child for child in _without_docstring(node) if not _is_definition(child)]})
    return _dump(node, {})


def _is_definition(node: ast.stmt) -> bool:
    return isinstance(node, _DEFINITIONS)


def _without_docstring(node: ast.AST) -> list[ast.stmt]:
    body = body_of(node)
    return body[1:] if body and is_docstring(body[0]) else body


def _dump(value: object, instead: Mapping[str, object]) -> str:
    if isinstance(value, ast.JoinedStr):
        return f"JoinedStr({','.join(_pieces(value))})"
    if isinstance(value, ast.AST):
        fields = [f"{name}={_dump(child, {})}" for name, child in _fields(value, instead)]
        return f"{type(value).__name__}({','.join(fields)})"
    if isinstance(value, list):
        return f"[{','.join(_dump(item, {}) for item in cast('list[object]', value))}]"
    return ascii(value)


def _fields(node: ast.AST, instead: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    documented = isinstance(node, (ast.Module, *_DEFINITIONS))
    for name in node._fields:
        if name in _IGNORED_FIELDS:
            continue
        child: object = instead[name] if name in instead else getattr(node, name, None)
        if name == "body" and documented and name not in instead:
            child = _without_docstring(node)
        # A constant's value may well be None; any other field that is None or empty says nothing.
        if (child is None or child == []) and not isinstance(node, ast.Constant):
            continue
        if name == "format_spec" and isinstance(child, ast.JoinedStr) and not _pieces(child):
            continue
        yield name, child


def _pieces(node: ast.JoinedStr) -> list[str]:
    pieces: list[str] = []
    literal = ""
    for value in node.values:
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            literal += value.value
            continue
        if literal:
            pieces.append(ascii(literal))
            literal = ""
        pieces.append(_dump(value, {}))
    return [*pieces, ascii(literal)] if literal else pieces


def lazily_imported(node: ast.AST) -> str | None:
    """The module that an assignment puts off importing, as in ``np = require("numpy")``; None of any other statement.

    It is known by its form: a name that holds what one call makes of one dotted name, given as text.
    """
    if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call):
        return None
    (target, *others), arguments = node.targets, node.value.args
    if others or not isinstance(target, ast.Name) or len(arguments) != 1 or not isinstance(arguments[0], ast.Constant):
        return None
    name = arguments[0].value
    is_dotted = isinstance(name, str) and all(part.isidentifier() for part in name.split("."))
    return cast("str", name) if is_dotted else None
