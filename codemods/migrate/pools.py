"""Pools of threads around coroutine functions become tasks with a limit, where every use of the pool can.

`with ThreadPoolExecutor(...) as pool:`, or an assignment of a pool, goes, and what `pool.map` and `pool.submit` were
handed is called in a coroutine that waits for its turn at a semaphore. Where the pool or its futures are used in
another way all stays, to be reported.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

from codemods.coloring import Coloring
from codemods.coloring.walls import cannot_wait
from codemods.entries import is_not_awaited
from codemods.migrate.futures import Futures
from codemods.migrate.locks import holds_lock
from codemods.migrate.rewriting import Edit
from codemods.migrate.scope_text import ScopeText
from codemods.migrate.uses import uses
from codemods.program.build import iter_own
from codemods.program.scopes import Scope
from codemods.program.values import External

_POOLS = frozenset({"concurrent.futures.ThreadPoolExecutor", "concurrent.futures.thread.ThreadPoolExecutor"})
_DEFAULT = 32
"""As many threads as a pool has at most that is not told a number."""
_COMPLETED = """\
async def {name}(waiting):
    while waiting:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            yield task

"""
"""Tasks in the order in which they are done. Before Python 3.13 `asyncio.as_completed` gives others in their place."""


def pools(here: ScopeText) -> Iterator[Edit]:
    """The edits of the pools of one scope."""
    for node in iter_own(here.scope.node):
        block = _block(node, here)
        if block is not None:
            yield from _Pool(here, block).edits()


@dataclass(frozen=True)
class _Block:
    """The statements in which there is a pool: those of a `with`, or those behind an assignment."""

    node: ast.With | ast.Assign
    made: ast.expr
    name: str
    body: list[ast.stmt]

    @property
    def statements(self) -> list[ast.stmt]:
        return [self.node, *self.body] if isinstance(self.node, ast.Assign) else [self.node]


def can_wait(coloring: Coloring, scope: Scope) -> bool:
    """Whether the code of a scope can await what its threads ran."""
    function = scope.function
    if function is None:
        return not scope.class_scope
    if function.is_lambda or function.is_generator or function.name == "__init__":
        return False
    return not cannot_wait(function) and not is_not_awaited(coloring.flow, function)


def _block(node: ast.AST, here: ScopeText) -> _Block | None:
    """The pool that a statement may make, and where it is one."""
    if isinstance(node, ast.With):
        item = node.items[0]
        if len(node.items) != 1 or not isinstance(item.optional_vars, ast.Name):
            return None
        return _Block(node, item.context_expr, item.optional_vars.id, node.body)
    if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call) or len(node.targets) != 1:
        return None
    target = node.targets[0]
    if not isinstance(target, ast.Name) or "xecutor" not in ast.unparse(node.value.func):
        return None
    following = _following(node, here.parents[node])
    uses = [any(isinstance(n, ast.Name) and n.id == target.id for n in ast.walk(each)) for each in following]
    last = max((index for index, used in enumerate(uses) if used), default=-1)
    return _Block(node, node.value, target.id, following[: last + 1])


def _following(statement: ast.stmt, parent: ast.AST) -> list[ast.stmt]:
    """What stands behind a statement in its block."""
    for _, value in ast.iter_fields(parent):
        block = cast("list[ast.stmt]", value) if isinstance(value, list) else []
        if statement in block:
            return block[block.index(statement) + 1 :]
    return []


@dataclass
class _Pool:
    """One pool of threads."""

    here: ScopeText
    block: _Block
    _alone: bool = False
    """Whether all that runs in the pool is one function."""
    _body: tuple[str, str] = "function, *args, **kwargs", "function(*args, **kwargs)"
    """What waits for its turn: what it is handed, and what it calls."""
    _turns: str = "limit"
    _limited: str = "limited"
    _completed: str = "completed"
    _tasks: str = "tasks"
    _by_identity: bool = False
    """Whether a loop has to have the tasks themselves, in the order in which they are done."""
    _drops: bool = False
    """Whether there are tasks that only the pool's end waits for."""
    _changes: list[tuple[int, int, str]] = field(default_factory=list[tuple[int, int, str]])

    def edits(self) -> Iterator[Edit]:
        if not self.names(self.block.made, _POOLS) or not can_wait(self.here.coloring, self.here.scope):
            return
        assert isinstance(self.block.made, ast.Call)
        limit = self._limit(self.block.made)
        calls = self._calls(self.block.name)
        if limit is None or not calls or not self._is_movable() or not self._is_left():
            return
        taken = {n.id for n in ast.walk(self.here.scope.node) if isinstance(n, ast.Name)}
        taken |= {
            n.name for n in ast.walk(self.here.scope.node) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        names = ("limit", "limited", "completed", "tasks")
        self._turns, self._limited, self._completed, self._tasks = (_free_name(name, taken) for name in names)
        self._alone = len(calls) == 1 and _method(calls[0]) == "map"
        submitted = [call for call in calls if _method(call) == "submit"]
        done = all(self._mapped(c) if _method(c) == "map" else self._submitted(c, submitted) for c in calls)
        first = self.here.places.line_start(self.block.node.lineno)
        if done and all(begin > first for begin, _, _ in self._changes):
            yield self._edit(limit)

    # -- whether it can be -----------------------------------------------------------------------------------------

    def names(self, node: ast.expr, names: frozenset[str]) -> bool:
        """Whether a call is one of a function of another package."""
        if not isinstance(node, ast.Call):
            return False
        return any(
            isinstance(v, External) and v.name in names
            for v in self.here.coloring.flow.values(node.func, self.here.scope)
        )

    def nodes(self) -> Iterator[ast.AST]:
        """The scope's own nodes, and those of functions inside of the block."""
        inside = {node for statement in self.block.statements for node in ast.walk(statement)}
        yield from inside
        yield from (node for node in iter_own(self.here.scope.node) if node not in inside)

    def _limit(self, made: ast.Call) -> str | None:
        """The number of threads, as it is written; None where the pool is told more than that."""
        arguments = [*made.args, *(k.value for k in made.keywords if k.arg == "max_workers")]
        named = [k for k in made.keywords if k.arg not in ("max_workers", "thread_name_prefix")]
        if named or len(arguments) > 1:
            return None
        if not arguments or (isinstance(arguments[0], ast.Constant) and arguments[0].value is None):
            return str(_DEFAULT)
        return self.here.places.source(arguments[0])

    def _calls(self, name: str) -> list[ast.Call]:
        """Every use of the pool, if each is a call of `map` or `submit` with a coroutine function; none otherwise."""
        own = {node for statement in self.block.statements for node in ast.walk(statement)}
        found: list[ast.Call] = []
        stores = 0
        for use in (use for use in uses(self.here.coloring.program, self.here.scope.node) if use.id == name):
            if isinstance(use.ctx, ast.Store):
                stores += 1
                continue
            call = self._call_of(use)
            if call is None or call not in own:
                return []
            if _method(call) != "shutdown":
                found.append(call)
        return found if stores == 1 else []

    def _call_of(self, use: ast.Name) -> ast.Call | None:
        """The call of the pool's method that a use of its name belongs to, where it can become another."""
        method = self.here.parents[use]
        call = self.here.parents.get(method)
        if not isinstance(method, ast.Attribute) or not isinstance(call, ast.Call) or call.func is not method:
            return None
        if method.attr == "shutdown" and isinstance(self.block.node, ast.Assign):
            return call if self._is_removed(call) else None
        if method.attr not in ("map", "submit") or not call.args:
            return None
        function = call.args[0]
        is_own = use in set(iter_own(self.here.scope.node)) or isinstance(self.block.node, ast.With)
        plain = not isinstance(function, ast.Starred) and is_own
        return call if plain and self.here.waits(function, self.here.scope) and not self._locks(function) else None

    def _is_removed(self, shutdown: ast.Call) -> bool:
        """Take the statement that ends a pool away, where others stand beside it."""
        statement = self.here.parents[shutdown]
        options = [*(k.arg for k in shutdown.keywords if k.arg != "wait"), *shutdown.args]
        if not isinstance(statement, ast.Expr) or options or statement not in self.block.body:
            return False
        places, last = self.here.places, statement.end_lineno
        if last is None or not places.is_alone(statement):
            return False
        self._changes.append((places.line_start(statement.lineno), places.line_start(last + 1), ""))
        return True

    def _locks(self, node: ast.expr) -> bool:
        """Whether a function holds a lock of threads while it waits: two tasks would wait for each other."""
        return any(holds_lock(self.here.coloring, f) for f in self.here.coloring.flow.functions(node, self.here.scope))

    def _is_movable(self) -> bool:
        """Whether the block's lines can stand further to the left."""
        node = self.block.node
        if not self.here.places.is_alone(node):
            return False
        if isinstance(node, ast.Assign):
            return True
        texts = [n for n in ast.walk(node) if isinstance(n, ast.Constant | ast.JoinedStr)]
        inline = node.body[0].lineno == node.lineno
        return not inline and all(text.lineno == text.end_lineno for text in texts)

    def _is_left(self) -> bool:
        """Whether the block is left at its end: a pool that nobody leaves waits for nothing."""
        return isinstance(self.block.node, ast.With) or bool(self.block.body)

    # -- what becomes of it ----------------------------------------------------------------------------------------

    def _change(self, start: ast.expr, text: str, end: ast.expr | None = None) -> None:
        self._changes.append((self.here.places.start(start), self.here.places.end(end or start), text))

    def _mapped(self, call: ast.Call) -> bool:
        if call.keywords or len(call.args) < 2 or any(isinstance(a, ast.Starred) for a in call.args):
            return False
        function, *iterables = [self.here.places.source(argument) for argument in call.args]
        names = ["each"] if len(iterables) == 1 else [f"each_{number}" for number in range(1, len(iterables) + 1)]
        over = iterables[0] if len(iterables) == 1 else f"zip({', '.join(iterables)})"
        listed = ", ".join(names)
        handed = listed if self._alone else f"{function}, {listed}"
        if self._alone:
            self._body = listed, f"{function}({listed})"
        made = f"await asyncio.gather(*({self._limited}({handed}) for {listed} in {over}))"
        parent = self.here.parents.get(call)
        is_list = isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name) and parent.func.id == "list"
        bare = isinstance(parent, ast.Expr | ast.For | ast.comprehension | ast.Assign | ast.Return | ast.Call)
        whole = parent if is_list and isinstance(parent, ast.Call) and parent.args == [call] else call
        self._change(whole, made if bare else f"({made})")
        return True

    def _submitted(self, call: ast.Call, calls: list[ast.Call]) -> bool:
        """`pool.submit(f, x)`: a task, if whoever holds the future asks no more of it than of a task."""
        futures = Futures(call, calls, lambda: list(self.nodes()), self.here.parents, self.names)
        if not futures.are_simple():
            return False
        source = self.here.places.source
        arguments = [source(argument) for argument in call.args]
        arguments += [f"{k.arg}={source(k.value)}" if k.arg else f"**{source(k.value)}" for k in call.keywords]
        called = f"{self._limited}({', '.join(arguments)})"
        task = f"asyncio.create_task({called})"
        if futures.at_once is not None:
            self._change(futures.at_once, self._awaited(futures.at_once, called))
        elif futures.is_dropped:
            self._drops = True
            self._change(call, f"{self._tasks}.append({task})")
        else:
            self._change(call, task)
        for result, holder in futures.results:
            self._change(result, self._awaited(result, self.here.places.source(holder)))
        for waiting, name in futures.waits:
            self._change(waiting, f"await asyncio.gather(*{name}, return_exceptions=True)")
        for completed, loop in futures.completed:
            self._change(completed.func, self._completed if futures.by_identity else "asyncio.as_completed")
            if futures.by_identity:
                self._loop_asynchronously(loop)
        self._by_identity |= futures.by_identity and bool(futures.completed)
        return not futures.is_dropped or self._waits_at_its_end()

    def _waits_at_its_end(self) -> bool:
        """Whether what nobody keeps can be waited for behind the block."""
        returns = any(isinstance(n, ast.Return) for statement in self.block.body for n in ast.walk(statement))
        return isinstance(self.block.node, ast.With) and not returns

    def _loop_asynchronously(self, loop: ast.For | ast.comprehension) -> None:
        places = self.here.places
        start = places.start(loop if isinstance(loop, ast.For) else loop.target)
        if isinstance(loop, ast.comprehension):
            start = places.between(0, start).rindex("for")
        self._changes.append((start, start, "async "))

    def _awaited(self, node: ast.expr, text: str) -> str:
        """``await`` in the place of a node, in parentheses where what is around binds tighter."""
        tight = isinstance(self.here.parents.get(node), ast.Attribute | ast.Subscript | ast.BinOp | ast.Await)
        return f"(await {text})" if tight else f"await {text}"

    def _edit(self, limit: str) -> Edit:
        places, node, body = self.here.places, self.block.node, self.block.body
        last = body[-1].end_lineno
        assert last is not None
        start, first, end = (
            places.line_start(node.lineno),
            places.line_start(self._first_line()),
            places.line_start(last + 1),
        )
        indent, inner = places.indent(node), places.indent(body[0])
        text = places.changed(first, end, self._changes)
        # Futures may outlive their pool.
        whole = max([end, *(finish for _, finish, _ in self._changes)])
        behind = places.changed(end, whole, self._changes)
        if inner != indent:
            lines = [line.removeprefix(inner) for line in text.splitlines()]
            text = "".join(f"{indent}{line}\n" if line.strip() else "\n" for line in lines)
        head = [
            f"{self._turns} = asyncio.Semaphore({limit})",
            *([f"{self._tasks} = []"] if self._drops else []),
            "",
            f"async def {self._limited}({self._body[0]}):",
            f"    async with {self._turns}:",
            f"        return {self._body[1]}",
            "",
            *(_COMPLETED.format(name=self._completed).splitlines() if self._by_identity else []),
        ]
        written = "".join(f"{indent}{line}\n" if line else "\n" for line in head)
        tail = f"{indent}await asyncio.gather(*{self._tasks}, return_exceptions=True)\n" if self._drops else ""
        return Edit(start, whole, written + text + tail + behind, self.here.code, ("asyncio",))

    def _first_line(self) -> int:
        """The line that the block's own text starts in: comments above its first statement are of it."""
        node, first = self.block.node, self.block.body[0].lineno
        header = node.end_lineno if isinstance(node, ast.Assign) else self.block.made.end_lineno
        assert header is not None
        if isinstance(node, ast.Assign):
            return header + 1
        places = self.here.places
        while first - 1 > header:
            above = places.between(places.line_start(first - 1), places.line_start(first)).strip()
            if not above.startswith("#"):
                break
            first -= 1
        return first


def _free_name(name: str, taken: set[str]) -> str:
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    return found


def _method(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""
