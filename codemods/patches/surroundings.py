"""What an edit within a function stands on: the statements it is about, and what gives them their meaning.

That is, of each place that the edit is for:

- the statement, or the first line of the compound statement, that is found; of an expression nothing but itself, since
  what stands there instead is a value as it was one, whatever is done with it (what a loop goes through, and what is
  tested, are expressions too);
- the blocks a statement is in: the first line of each, which branch it is, and what is caught around it; of functions,
  around an expression too, whether they are coroutines and how they are decorated;
- how each name is bound that is used there or in the replacement: the parameter with its annotation and default, every
  statement of the function that assigns it, the import, or that it is a function or class of the module; of a local
  name that an expression and its replacement both use only that it is local: whatever it holds is handed on;
- every statement that uses a local name which is bound there, by upstream or by the replacement.

Whatever else the function does may change.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TypeAlias, TypeGuard, cast

from codemods.patches.edits import Match
from codemods.symbols import Definition, Symbol, blocks, dump, lazily_imported, undecorated
from codemods.syntax import children, walk

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
Scope: TypeAlias = ast.Module | ast.ClassDef | Function

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_INNER = (*_COMPREHENSIONS, ast.Lambda)
_KEPT = 1 << 16
"""Lines that are kept with what they bind: more than the files have that patches stand in."""
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


class _Line:
    """A simple statement, the first line of a compound one, or that of an `except` or a `case`.

    A module's lines are asked for each name of each place; what they say is needed of few.
    """

    def __init__(self, node: ast.AST) -> None:
        self._node = node
        self._bare = list(_without_blocks(node))

    @cached_property
    def says(self) -> str:
        return _frame(self._node)

    @cached_property
    def loads(self) -> frozenset[str]:
        loads = {each.id for each in self._bare if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)}
        if isinstance(self._node, ast.AugAssign) and isinstance(self._node.target, ast.Name):
            loads.add(self._node.target.id)
        return frozenset(loads)

    @cached_property
    def binds(self) -> frozenset[str]:
        return frozenset(_bound(self._node, self._bare))


@dataclass(frozen=True)
class Surroundings:
    """What the places of edits in one symbol depend on.

    Args:
        symbol: what is edited.
        imports: what the patch imports: bound to the same whether upstream imports it too or not.
    """

    symbol: Symbol
    imports: ast.Module

    def of(self, match: Match, replacement: ast.Module) -> list[str]:
        """What one place stands on, line by line; the same for any two spellings of the same code.

        Args:
            match: the place.
            replacement: what is put there.
        """
        path = self._path(match.nodes[0])
        expression = _exchanged(match, replacement)
        around = path if expression is None else [step for step in path if isinstance(step[0], Definition)]
        lines = [line for node in match.nodes for line in _lines_at(node, match)]
        lines = lines if expression is None else [_line(expression)]
        written = list(_lines_in(replacement.body))
        names = {name for line in (*lines, *written) for name in line.loads}
        bound = {name for line in (*lines, *written) for name in line.binds}
        carried = names & {name for line in written for name in line.loads} if expression is not None else set[str]()
        carried &= {name for line in lines for name in line.loads}
        inner = dict(_inner_bindings(match.nodes[0], expression) if expression is not None else ())
        return [
            *(f"in {says}" for says in self._blocks(around)),
            *(f"says {line.says}" for line in lines),
            *sorted({f"has {says}" for name, says in inner.items() if name in names - carried}),
            *sorted({f"has {says}" for name in names | bound for says in self._bindings(name, path, name in carried)}),
            *sorted({f"used {says}" for name in bound for says in self._uses(name, path)}),
        ]

    @cached_property
    def _parents(self) -> dict[int, tuple[ast.AST, str]]:
        """The node that each statement, `except` and `case` stands in, and in which of its lists."""
        found: dict[int, tuple[ast.AST, str]] = {}
        for node in walk(self.symbol.source.tree):
            for name in _BLOCKS:
                items = getattr(node, name, None)
                for item in cast("list[ast.AST]", items) if isinstance(items, list) else ():
                    found[id(item)] = node, name
        return found

    def _path(self, node: ast.AST) -> list[tuple[ast.AST, str]]:
        """What a statement stands in, outermost first, and in which branch of it."""
        path: list[tuple[ast.AST, str]] = []
        step = self._parents.get(id(node))
        while step is not None:
            path.insert(0, step)
            step = self._parents.get(id(step[0]))
        return path

    def _blocks(self, path: list[tuple[ast.AST, str]]) -> Iterator[str]:
        within = next((depth for depth, (node, _) in enumerate(path) if node is self.symbol.node), len(path))
        for node, branch in path[within:]:
            if isinstance(node, ast.Module):
                continue
            yield f"{branch} of {_frame(node)}"
            if isinstance(node, ast.Try) and branch == "body":
                yield from (f"caught by {_frame(handler)}" for handler in node.handlers)

    def _bindings(self, name: str, path: list[tuple[ast.AST, str]], carried: bool) -> Iterator[str]:
        """What a name means at a place, by what binds it in the innermost scope that does; of a local name that is
        carried over only that."""
        scopes = [node for node, _ in path if isinstance(node, ast.Module | ast.ClassDef | Function)]
        for scope in reversed(scopes):
            # Functions do not see the names of a class that they stand in.
            if isinstance(scope, ast.ClassDef) and scope is not scopes[-1]:
                continue
            found = list(_binding(name, scope))
            if found:
                is_local = carried and isinstance(scope, Function) and not all(map(_is_import, found))
                yield from [f"{name}: local"] if is_local else (f"{name}: {says}" for says in found)
                return
        brought = [says for _, node in _binding_nodes(name, self.imports.body) for says in _imported(name, node)]
        yield f"{name}: {brought[0] if brought else 'not bound in the module'}"

    def _uses(self, name: str, path: list[tuple[ast.AST, str]]) -> Iterator[str]:
        scope = next(node for node, _ in reversed(path) if isinstance(node, ast.Module | ast.ClassDef | Function))
        if isinstance(scope, Function):
            yield from (f"{name}: {line.says}" for line in _lines_in(scope.body) if name in line.loads)


def _exchanged(match: Match, replacement: ast.Module) -> ast.expr | None:
    """The one expression that an edit is about, if it is that: of a first line what a loop goes through or what is
    tested. A call that is a statement of its own is no value.
    """
    if match.expression is not None:
        statement = match.nodes[0]
        return None if isinstance(statement, ast.Expr) and statement.value is match.expression else match.expression
    if match.header is None or len(replacement.body) != 1:
        return None
    node, old, new = match.nodes[0], match.header, replacement.body[0]
    if isinstance(node, ast.For) and isinstance(old, ast.For) and isinstance(new, ast.For):
        return node.iter if dump(old.target) == dump(new.target) else None
    if isinstance(node, ast.If | ast.While) and type(node) is type(new):
        return node.test
    return None


def _inner_bindings(statement: ast.stmt, expression: ast.expr) -> Iterator[tuple[str, str]]:
    """What comprehensions and lambdas around an expression bind: names, and what says so. The innermost come last."""
    around = [node for node in _without_blocks(statement) if isinstance(node, _INNER) and expression in ast.walk(node)]
    for node in around:
        if isinstance(node, ast.Lambda):
            yield from ((one.arg, f"{one.arg}: {dump(node.args)}") for one in ast.walk(node.args) if _is_argument(one))
        else:
            says = [dump(generator) for generator in node.generators]
            yield from ((each.id, f"{each.id}: {says}") for each in _targets(node) if isinstance(each, ast.Name))


def _is_argument(node: ast.AST) -> TypeGuard[ast.arg]:
    return isinstance(node, ast.arg)


def _lines_at(node: ast.stmt, match: Match) -> Iterator[_Line]:
    """The lines that a match is about: of a compound statement whose first line is meant, not what is under it."""
    if match.header is None and match.expression is None:
        yield from _lines_in([node])
    elif isinstance(node, Definition) and match.header is not None and not _decorators(match.header):
        # A pattern without decorators speaks of the line with the keyword alone.
        yield _line(undecorated(node))
    else:
        yield from _own_lines(node)


def _decorators(node: ast.stmt) -> list[ast.expr]:
    return node.decorator_list if isinstance(node, Definition) else []


def _lines_in(body: Iterable[ast.stmt]) -> Iterator[_Line]:
    """All lines of statements and of what they hold, that of nested functions too: those see the same names."""
    for node in body:
        yield from _own_lines(node)
        for nested in blocks(node):
            yield from _lines_in(nested)


def _own_lines(node: ast.stmt) -> Iterator[_Line]:
    yield _line(node)
    for name in ("handlers", "cases"):
        yield from (_line(item) for item in cast("list[ast.AST]", getattr(node, name, [])))


@lru_cache(_KEPT)
def _line(node: ast.AST) -> _Line:
    return _Line(node)


def _without_blocks(node: ast.AST) -> Iterator[ast.AST]:
    """A node and all that is in it, but for statements, and for branches that are lines of their own."""
    yield node
    for child in children(node):
        if not isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
            yield from _without_blocks(child)


def _bound(node: ast.AST, bare: list[ast.AST]) -> Iterator[str]:
    own = {id(target) for each in bare if isinstance(each, _COMPREHENSIONS) for target in _targets(each)}
    for each in bare:
        if isinstance(each, ast.Name) and not isinstance(each.ctx, ast.Load) and id(each) not in own:
            yield each.id
        elif isinstance(each, ast.MatchAs | ast.MatchStar) and each.name:
            yield each.name
    if isinstance(node, Definition | ast.ExceptHandler) and node.name:
        yield node.name
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)


def _targets(node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> Iterator[ast.AST]:
    """Names that a comprehension binds for itself."""
    for generator in node.generators:
        yield from ast.walk(generator.target)


def _frame(node: ast.AST) -> str:
    """What the first line of a statement says; of a function what it is, since its parameters count by their names."""
    if isinstance(node, Function):
        return f"{type(node).__name__} {node.name} {[dump(each) for each in _decorators(node)]}"
    if not isinstance(node, ast.stmt | ast.excepthandler | ast.match_case) or not _holds_blocks(node):
        return dump(node)
    fields = [(name, value) for name, value in ast.iter_fields(node) if name not in _BLOCKS]
    return f"{type(node).__name__}({', '.join(f'{name}={_dumped(value)}' for name, value in fields if value)})"


def _holds_blocks(node: ast.AST) -> bool:
    return any(isinstance(getattr(node, name, None), list) for name in _BLOCKS)


def _dumped(value: object) -> str:
    if isinstance(value, ast.AST):
        return dump(value)
    if isinstance(value, list):
        return f"[{', '.join(_dumped(item) for item in cast('list[object]', value))}]"
    return ascii(value)


def _binding(name: str, scope: Scope) -> Iterator[str]:
    if isinstance(scope, Function):
        yield from _parameter(name, scope.args)
    for line, node in _binding_nodes(name, scope.body):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from _imported(name, node)
        elif isinstance(node, Definition):
            # What it does is not the edit's affair: that it is there, and what it is.
            yield type(node).__name__
        elif isinstance(scope, ast.Module):
            module = lazily_imported(node)
            yield f"imported {module}" if module is not None else "a value"
        else:
            yield line.says


def _binding_nodes(name: str, body: Iterable[ast.stmt]) -> Iterator[tuple[_Line, ast.AST]]:
    """The lines of a scope that bind a name. What nested functions and classes bind is theirs."""
    for node in body:
        items: list[ast.AST] = [node]
        for branches in ("handlers", "cases"):
            items += cast("list[ast.AST]", getattr(node, branches, []))
        yield from ((line, item) for item in items if name in (line := _line(item)).binds)
        if not isinstance(node, Definition):
            for nested in blocks(node):
                yield from _binding_nodes(name, nested)


def _parameter(name: str, arguments: ast.arguments) -> Iterator[str]:
    plain = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(plain) - len(arguments.defaults)) + list(arguments.defaults)
    told = [*zip(plain, defaults, strict=True), *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
    for one, default in told:
        if one.arg == name:
            kind = "keyword" if one in arguments.kwonlyargs else "parameter"
            yield f"{kind} {_dumped(one.annotation)} = {_dumped(default)}"
    for kind, one in (("*", arguments.vararg), ("**", arguments.kwarg)):
        if one is not None and one.arg == name:
            yield f"{kind} {_dumped(one.annotation)}"


def _is_import(says: str) -> bool:
    return says.startswith("imported ")


def _imported(name: str, node: ast.AST) -> Iterator[str]:
    """What an import binds to a name: the same whether a function imports it or its module."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            if (alias.asname or alias.name.partition(".")[0]) == name:
                yield f"imported {alias.name if alias.asname else name}"
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            if (alias.asname or alias.name) == name:
                yield f"imported {'.' * node.level}{node.module or ''}.{alias.name}"
