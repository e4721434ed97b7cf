"""Top-level code that waits gets a function to wait in: `async def main()`, run under the module's guard.

Works on converted text, in which such code awaits where no `await` may stand. Imports and definitions stay at the top
level, and so does what runs before the first wait; the rest moves, in order. Names that functions of the module read
stay global. What is imported by others cannot be moved: it waits where it stands, in an event loop of its own, and a
person is told.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import libcst as cst
from libcst import matchers as m

from codemods.passes.imports import fix_imports
from codemods.program.build import bound_names, dotted, iter_own

MAIN = "DA501"
"""The code of a script whose waiting code moved into a function."""
GUARD = "DA502"
"""The code of a guard that runs a coroutine."""
AT_IMPORT = "DA503"
"""The code of a wait that an import runs."""

_NAMES = ("main", "run_main", "async_main")
_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(frozen=True)
class Script:
    """A module whose top level awaits nothing any more.

    Args:
        text: the module.
        codes: what was done to it.
        compiles: whether every wait has found a place; the text is as it was given otherwise.
    """

    text: str
    codes: tuple[str, ...] = ()
    compiles: bool = True


@dataclass(frozen=True)
class _Part:
    """A statement of the top level: as LibCST has it, and as `ast` has what is on its line."""

    node: cst.BaseStatement
    trees: tuple[ast.stmt, ...]

    @property
    def is_import(self) -> bool:
        return all(isinstance(tree, ast.Import | ast.ImportFrom) for tree in self.trees)

    @property
    def is_definition(self) -> bool:
        return all(isinstance(tree, _Definition) for tree in self.trees)

    @property
    def is_guard(self) -> bool:
        return len(self.trees) == 1 and is_guard(self.trees[0])

    @property
    def waits(self) -> bool:
        return any(waits(tree) for tree in self.trees)

    @property
    def bound(self) -> set[str]:
        return bound_names(ast.Module(list(self.trees), []))


def lines_that_run(tree: ast.Module, lines: Collection[int]) -> list[int]:
    """The first line of each top-level statement that runs code on one of ``lines`` when the module is imported."""
    found: list[int] = []
    for statement in tree.body:
        runs = {node.lineno for node in _runs(statement) if isinstance(node, ast.expr | ast.stmt)}
        if not is_guard(statement) and runs & set(lines):
            found.append(statement.lineno)
    return found


def waits(statement: ast.AST) -> bool:
    """Whether running a statement awaits something; what its functions do when they are called is not asked."""
    return any(_is_wait(node) for node in _runs(statement))


def is_guard(statement: ast.stmt) -> bool:
    """Whether it is `if __name__ == "__main__":`, without an `else`."""
    if not isinstance(statement, ast.If) or statement.orelse or not isinstance(statement.test, ast.Compare):
        return False
    sides = [statement.test.left, *statement.test.comparators]
    names = {side.id for side in sides if isinstance(side, ast.Name)}
    values = {side.value for side in sides if isinstance(side, ast.Constant)}
    equal = len(sides) == 2 and isinstance(statement.test.ops[0], ast.Eq)
    return equal and names == {"__name__"} and values == {"__main__"}


def give_main(text: str, *, is_imported: bool = False, module_name: str = "", guards: bool = True) -> Script:
    """Give the top-level code of a module that waits a function to wait in.

    Args:
        text: a converted module, with `await` at its top level.
        is_imported: whether other modules (or a test runner) import it, so that its top level must have run then.
        module_name: its dotted name.
        guards: whether a guard that calls a coroutine function may run just that.
    """
    tree = ast.parse(text)
    if not any(waits(statement) for statement in tree.body):
        return Script(text)
    module = cst.parse_module(text)
    parts = _parts(module)
    codes: list[str] = []
    if is_imported and any(part.waits and not part.is_guard for part in parts):
        changed = [_Part(_run(part.node), part.trees) if part.waits and not part.is_guard else part for part in parts]
        module = module.with_changes(body=[part.node for part in changed])
        codes.append(AT_IMPORT)
        if any(part.waits and not part.is_guard for part in _parts(module)):
            return Script(text, compiles=False)
        parts = _parts(module)
    if any(part.waits for part in parts):
        module, code = _with_main(module, parts, guards=guards)
        codes.append(code)
    return Script(fix_imports(module, {("asyncio", None)}, text, module_name, set()), tuple(codes))


# --- what waits -------------------------------------------------------------------------------------------------------


def _runs(statement: ast.AST) -> Iterator[ast.AST]:
    """Nodes that run when the statement runs; bodies of functions and classes do not count."""
    yield statement
    if isinstance(statement, _Definition | ast.Lambda):
        inner: Iterable[ast.AST] = [
            *([] if isinstance(statement, ast.Lambda) else statement.decorator_list),
            *(statement.bases if isinstance(statement, ast.ClassDef) else statement.args.defaults),
        ]
        for node in inner:
            yield from _runs(node)
        return
    for child in ast.iter_child_nodes(statement):
        yield from _runs(child)


def _is_wait(node: ast.AST) -> bool:
    return isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith) or (
        isinstance(node, ast.comprehension) and bool(node.is_async)
    )


def _parts(module: cst.Module) -> list[_Part]:
    found: list[_Part] = []
    for node in module.body:
        trees = tuple(ast.parse(module.code_for_node(node)).body)
        found.append(_Part(cast("cst.BaseStatement", node), trees))
    return found


# --- main -------------------------------------------------------------------------------------------------------------


def _with_main(module: cst.Module, parts: list[_Part], *, guards: bool) -> tuple[cst.Module, str]:
    guard = next((part for part in parts if part.is_guard), None)
    if guard is not None and not any(part.waits for part in parts if part is not guard):
        ran = _run_one(guard, parts) if guards else None
        if ran is not None:
            return module.with_changes(body=[ran if part is guard else part.node for part in parts]), GUARD
        stays, moved = [part for part in parts if part is not guard], list[_Part]()
    else:
        stays, moved = _split([part for part in parts if part is not guard])
    name = _free_name(_NAMES, parts)
    body = _body_of(moved, guard)
    function = _function(name, body, _shared_names(stays, moved, guard))
    entry = _guard(guard, name)
    # The guard keeps its place where nothing that stays follows it.
    return module.with_changes(body=[*(part.node for part in stays), function, entry]), MAIN


def _split(parts: list[_Part]) -> tuple[list[_Part], list[_Part]]:
    """What stays at the top level, and what moves: from the first wait on, all but imports and definitions.

    A definition moves too if making it needs a name that moved.
    """
    first = next(index for index, part in enumerate(parts) if part.waits)
    stays, moved = list(parts[:first]), list[_Part]()
    bound: set[str] = set()
    for part in parts[first:]:
        needs_moved = part.is_definition and bool(_needed_to_define(part) & bound)
        if (part.is_import or part.is_definition) and not needs_moved and not part.waits:
            stays.append(part)
        else:
            moved.append(part)
            bound |= part.bound
    return stays, moved


def _needed_to_define(part: _Part) -> set[str]:
    """Names read while a definition runs: decorators, defaults, annotations, bases, and the body of a class."""
    names: set[str] = set()
    for tree in part.trees:
        for node in ast.walk(tree) if isinstance(tree, ast.ClassDef) else _outer(tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                names.add(node.id)
    if any(isinstance(tree, ast.ClassDef) for tree in part.trees):
        # What only the methods' bodies read is read when they are called.
        names -= {name for tree in part.trees for name in _read_later(tree) if name not in _read_now(tree)}
    return names


def _outer(tree: ast.stmt) -> Iterator[ast.AST]:
    assert isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef)
    for part in (*tree.decorator_list, tree.args, *([tree.returns] if tree.returns else [])):
        yield from ast.walk(part)


def _read_now(tree: ast.AST) -> set[str]:
    """Names read when a statement runs, without the bodies of functions in it."""
    found: set[str] = set()
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            found.add(node.id)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            stack.extend([*node.decorator_list, node.args, *([node.returns] if node.returns else [])])
        elif isinstance(node, ast.Lambda):
            stack.append(node.args)
        else:
            stack.extend(ast.iter_child_nodes(node))
    return found


def _read_later(tree: ast.AST) -> set[str]:
    """Global names that functions in a statement read or write when they are called."""
    found: set[str] = set()
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, _Function):
            # What is inside of it is asked there: it may read the function's own names.
            found |= _free(node)
            stack.extend(cast("list[ast.AST]", getattr(node, "decorator_list", [])))
            node = node.args
        stack.extend(ast.iter_child_nodes(node))
    return found


def _free(function: _Function) -> set[str]:
    own = list(iter_own(function))
    declared = {name for node in own if isinstance(node, ast.Global) for name in node.names}
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    local = (bound_names(function) | {each.arg for each in every if each is not None}) - declared
    read = {node.id for node in own if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    for node in own:
        if isinstance(node, _Function):
            read |= _free(node)
        elif isinstance(node, ast.ClassDef):
            read |= _read_now(node) | _read_later(node)
    return (read - local) | declared


def _shared_names(stays: list[_Part], moved: list[_Part], guard: _Part | None) -> list[str]:
    """Names that moved code binds, and that the module's functions read, or its top level binds, too."""
    moving = [tree for part in moved for tree in part.trees]
    if guard is not None:
        moving += cast("ast.If", guard.trees[0]).body
    bound = bound_names(ast.Module(moving, []))
    # What a class or function of the moved code declares global, is.
    globals_ = [node for tree in moving for node in ast.walk(tree) if isinstance(node, ast.Global)]
    declared = {name for node in globals_ for name in node.names}
    staying = {name for part in stays for name in part.bound}
    read = {name for part in stays for tree in part.trees for name in _read_later(tree)}
    return sorted(bound & (read | staying | declared))


def _body_of(moved: list[_Part], guard: _Part | None) -> list[cst.BaseStatement]:
    body: list[cst.BaseStatement | cst.BaseSmallStatement] = [part.node for part in moved]
    if guard is not None:
        held = cast("cst.If", guard.node).body
        if isinstance(held, cst.IndentedBlock):
            body += held.body
        else:
            body.append(cst.SimpleStatementLine(list(cast("cst.SimpleStatementSuite", held).body)))
    return [cast("cst.BaseStatement", node.visit(_Unnested())) for node in body]


def _function(name: str, body: Sequence[cst.BaseStatement], shared: list[str]) -> cst.FunctionDef:
    statements = [_spaced(statement, first=index == 0) for index, statement in enumerate(body)]
    if shared:
        names = [cst.NameItem(cst.Name(each)) for each in shared]
        statements = [cast("cst.BaseStatement", s.visit(_Unannotated(frozenset(shared)))) for s in statements]
        statements.insert(0, cst.SimpleStatementLine([cst.Global(names)]))
    return cst.FunctionDef(
        name=cst.Name(name),
        params=cst.Parameters(),
        body=cst.IndentedBlock(statements),
        asynchronous=cst.Asynchronous(),
        leading_lines=_blank(2),
    )


def _spaced(statement: cst.BaseStatement, *, first: bool) -> cst.BaseStatement:
    """Within a function one empty line sets apart, and none leads the body."""
    lines = list(cast("Sequence[cst.EmptyLine]", getattr(statement, "leading_lines", ())))
    kept: list[cst.EmptyLine] = []
    for line in lines:
        doubled = line.comment is None and (kept[-1].comment is None if kept else first)
        if not doubled:
            kept.append(line)
    return statement.with_changes(leading_lines=kept)


def _blank(count: int) -> list[cst.EmptyLine]:
    return [cst.EmptyLine(indent=False) for _ in range(count)]


def _guard(guard: _Part | None, name: str) -> cst.If:
    call = cst.parse_statement(f"asyncio.run({name}())")
    body = cst.IndentedBlock([call])
    if guard is None:
        test = cst.parse_expression('__name__ == "__main__"')
        return cst.If(test=test, body=body, leading_lines=_blank(2))
    held = cast("cst.If", guard.node)
    comments = [line for line in held.leading_lines if line.comment is not None]
    return held.with_changes(body=body, leading_lines=[*_blank(2), *comments])


def _free_name(names: Iterable[str], parts: Iterable[_Part]) -> str:
    taken = {
        getattr(node, "id", None) or getattr(node, "name", None)
        for part in parts
        for tree in part.trees
        for node in ast.walk(tree)
    }
    for name in names:
        if name not in taken:
            return name
    number = 2
    while f"main_{number}" in taken:
        number += 1
    return f"main_{number}"


# --- a guard that only calls a coroutine ------------------------------------------------------------------------------


def _run_one(guard: _Part, parts: list[_Part]) -> cst.BaseStatement | None:
    """The guard with its one `await function(...)` run by `asyncio.run`; None where it waits for more than that."""
    statement = cast("ast.If", guard.trees[0])
    found = [node for node in _runs(statement) if _is_wait(node)]
    functions = {part_name for part in parts for part_name in _functions_of(part)}
    if len(found) != 1 or not isinstance(found[0], ast.Await) or _repeats(statement, found[0]):
        return None
    call = found[0].value
    if not isinstance(call, ast.Call) or dotted(call.func) not in functions:
        return None
    return _run(guard.node)


def _functions_of(part: _Part) -> set[str]:
    names: set[str] = set()
    for tree in part.trees:
        if isinstance(tree, ast.AsyncFunctionDef):
            names.add(tree.name)
        elif isinstance(tree, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in tree.names}
    return names


def _repeats(statement: ast.AST, wait: ast.AST) -> bool:
    """Whether a loop of the statement runs the wait more than once: each run would be an event loop of its own."""
    loops = (ast.For, ast.While, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
    return any(isinstance(node, loops) and wait in ast.walk(node) for node in _runs(statement))


class _Running(cst.CSTTransformer):
    """`await x` becomes `asyncio.run(x)`, but for what functions and comprehensions do."""

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        return False

    def visit_Lambda(self, node: cst.Lambda) -> bool:
        return False

    def leave_Await(self, original_node: cst.Await, updated_node: cst.Await) -> cst.BaseExpression:
        return cst.Call(
            func=cst.Attribute(cst.Name("asyncio"), cst.Name("run")),
            args=[cst.Arg(updated_node.expression)],
        )


class _Unnested(cst.CSTTransformer):
    """Within a coroutine `asyncio.run(x)` is `await x`: an event loop cannot run in another.

    Empty lines stay empty where their code is indented.
    """

    def __init__(self) -> None:
        super().__init__()
        self._depth = 0

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        self._depth += 1

    def leave_FunctionDef(self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef) -> cst.FunctionDef:
        self._depth -= 1
        return updated_node

    def leave_EmptyLine(self, original_node: cst.EmptyLine, updated_node: cst.EmptyLine) -> cst.EmptyLine:
        return updated_node if updated_node.comment is not None else updated_node.with_changes(indent=False)

    def visit_Lambda(self, node: cst.Lambda) -> bool:
        return False

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        run = m.Call(m.Attribute(m.Name("asyncio"), m.Name("run")), [m.Arg(keyword=None, star="")])
        nested = self._depth == 0 and m.matches(updated_node, run)
        return cst.Await(updated_node.args[0].value) if nested else updated_node


class _Unannotated(cst.CSTTransformer):
    """A name that is declared global cannot be annotated."""

    def __init__(self, names: Collection[str]) -> None:
        super().__init__()
        self._names = names

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        return False

    def visit_ClassDef(self, node: cst.ClassDef) -> bool:
        return False

    def leave_AnnAssign(
        self, original_node: cst.AnnAssign, updated_node: cst.AnnAssign
    ) -> cst.BaseSmallStatement | cst.RemovalSentinel:
        target = updated_node.target
        if not isinstance(target, cst.Name) or target.value not in self._names:
            return updated_node
        if updated_node.value is None:
            return cst.Pass()
        return cst.Assign([cst.AssignTarget(target)], updated_node.value)


def _run(node: cst.BaseStatement) -> cst.BaseStatement:
    return cast("cst.BaseStatement", node.visit(_Running()))
