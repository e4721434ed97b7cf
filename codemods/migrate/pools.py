"""Pools of threads around coroutine functions become tasks with a limit, where every use of the pool can.

`with ThreadPoolExecutor(...) as pool:` goes, and what `pool.map` and `pool.submit` were handed is called in a coroutine
that waits for its turn at a semaphore. Where the pool or its futures are used in another way all stays, to be reported.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from codemods.coloring import Coloring, cannot_wait
from codemods.entries import is_not_awaited
from codemods.migrate.rewriting import Edit, Places
from codemods.program.build import iter_own
from codemods.program.flow import Scope
from codemods.program.values import External

_POOLS = frozenset({"concurrent.futures.ThreadPoolExecutor", "concurrent.futures.thread.ThreadPoolExecutor"})
_AS_COMPLETED = frozenset({"concurrent.futures.as_completed"})
_WAIT = frozenset({"concurrent.futures.wait"})
_DEFAULT = 32
"""As many threads as a pool has at most that is not told a number."""
Waits = Callable[[ast.expr, Scope], bool]


def pools(
    coloring: Coloring,
    scope: Scope,
    places: Callable[[], Places],
    parents: Callable[[], Mapping[ast.AST, ast.AST]],
    waits: Waits,
    code: str,
) -> Iterator[Edit]:
    """The edits of the pools of one scope."""
    for node in iter_own(scope.node):
        if isinstance(node, ast.With):
            yield from _Pool(coloring, scope, node, places, parents, waits, code).edits()


@dataclass
class _Pool:
    """One `with ThreadPoolExecutor(...) as pool:`."""

    coloring: Coloring
    scope: Scope
    node: ast.With
    _places: Callable[[], Places]
    parents: Callable[[], Mapping[ast.AST, ast.AST]]
    waits: Waits
    code: str
    _alone: bool = False
    """Whether all that runs in the pool is one function."""
    _body: tuple[str, str] = "function, *args, **kwargs", "function(*args, **kwargs)"
    """What waits for its turn: what it is handed, and what it calls."""
    _turns: str = "limit"
    _limited: str = "limited"
    _changes: list[tuple[int, int, str]] = field(default_factory=list[tuple[int, int, str]])

    def edits(self) -> Iterator[Edit]:
        item = self.node.items[0]
        if len(self.node.items) != 1 or not isinstance(item.optional_vars, ast.Name):
            return
        if not self.names(item.context_expr, _POOLS) or not self._can_wait():
            return
        assert isinstance(item.context_expr, ast.Call)
        limit = self._limit(item.context_expr)
        calls = self._calls(item.optional_vars.id)
        if limit is None or not calls or not self._is_movable():
            return
        taken = {n.id for n in ast.walk(self.scope.node) if isinstance(n, ast.Name)}
        taken |= {n.name for n in ast.walk(self.scope.node) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}
        self._turns, self._limited = (_free_name(name, taken) for name in ("limit", "limited"))
        self._alone = len(calls) == 1 and _method(calls[0]) == "map"
        if all(self._mapped(call) if _method(call) == "map" else self._submitted(call) for call in calls):
            yield self._edit(limit, calls)

    # -- whether it can be -----------------------------------------------------------------------------------------

    def _can_wait(self) -> bool:
        function = self.scope.function
        if function is None:
            return not self.scope.class_scope
        if function.is_lambda or function.is_generator or function.name == "__init__":
            return False
        return not cannot_wait(function) and not is_not_awaited(self.coloring.flow, function)

    def names(self, node: ast.expr, names: frozenset[str]) -> bool:
        """Whether a call is one of a function of another package."""
        if not isinstance(node, ast.Call):
            return False
        return any(
            isinstance(v, External) and v.name in names for v in self.coloring.flow.values(node.func, self.scope)
        )

    def nodes(self) -> Iterator[ast.AST]:
        """The scope's own nodes, and those of functions inside of the block."""
        inside = set(ast.walk(self.node))
        yield from inside
        yield from (node for node in iter_own(self.scope.node) if node not in inside)

    def _limit(self, made: ast.Call) -> str | None:
        """The number of threads, as it is written; None where the pool is told more than that."""
        arguments = [*made.args, *(k.value for k in made.keywords if k.arg == "max_workers")]
        named = [k for k in made.keywords if k.arg not in ("max_workers", "thread_name_prefix")]
        if named or len(arguments) > 1:
            return None
        if not arguments or (isinstance(arguments[0], ast.Constant) and arguments[0].value is None):
            return str(_DEFAULT)
        return self._places().source(arguments[0])

    def _calls(self, name: str) -> list[ast.Call]:
        """Every use of the pool, if each is a call of `map` or `submit` with a coroutine function; none otherwise."""
        uses = [n for n in self.nodes() if isinstance(n, ast.Name) and n.id == name]
        found: list[ast.Call] = []
        for use in uses:
            if isinstance(use.ctx, ast.Store):
                continue
            method = self.parents()[use]
            call = self.parents().get(method)
            if not isinstance(method, ast.Attribute) or method.attr not in ("map", "submit"):
                return []
            if not isinstance(call, ast.Call) or call.func is not method or not call.args:
                return []
            if any(isinstance(a, ast.Starred) for a in call.args[:1]) or not self.waits(call.args[0], self.scope):
                return []
            found.append(call)
        stores = sum(isinstance(use.ctx, ast.Store) for use in uses)
        own = set(ast.walk(self.node))
        return found if stores == 1 and all(call in own for call in found) else []

    def _is_movable(self) -> bool:
        """Whether the block's lines can stand further to the left."""
        texts = [n for n in ast.walk(self.node) if isinstance(n, ast.Constant | ast.JoinedStr)]
        inline = self.node.body[0].lineno == self.node.lineno
        return (
            not inline and all(text.lineno == text.end_lineno for text in texts) and self._places().is_alone(self.node)
        )

    # -- what becomes of it ----------------------------------------------------------------------------------------

    def _change(self, start: ast.expr, text: str, end: ast.expr | None = None) -> None:
        self._changes.append((self._places().start(start), self._places().end(end or start), text))

    def _mapped(self, call: ast.Call) -> bool:
        if call.keywords or len(call.args) < 2 or any(isinstance(a, ast.Starred) for a in call.args):
            return False
        function, *iterables = [self._places().source(argument) for argument in call.args]
        names = ["each"] if len(iterables) == 1 else [f"each_{number}" for number in range(1, len(iterables) + 1)]
        over = iterables[0] if len(iterables) == 1 else f"zip({', '.join(iterables)})"
        listed = ", ".join(names)
        handed = listed if self._alone else f"{function}, {listed}"
        if self._alone:
            self._body = listed, f"{function}({listed})"
        made = f"await asyncio.gather(*({self._limited}({handed}) for {listed} in {over}))"
        parent = self.parents().get(call)
        is_list = isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name) and parent.func.id == "list"
        bare = isinstance(parent, ast.Expr | ast.For | ast.comprehension | ast.Assign | ast.Return | ast.Call)
        whole = parent if is_list and isinstance(parent, ast.Call) and parent.args == [call] else call
        self._change(whole, made if bare else f"({made})")
        return True

    def _submitted(self, call: ast.Call) -> bool:
        """`pool.submit(f, x)`: a task, if whoever holds the future only asks for its result."""
        futures = _Futures(self, call)
        if not futures.are_simple():
            return False
        arguments = [self._places().source(argument) for argument in call.args]
        arguments += [f"{k.arg}={self._places().source(k.value)}" if k.arg else f"**{self._places().source(k.value)}"
                      for k in call.keywords]  # fmt: skip
        called = f"{self._limited}({', '.join(arguments)})"
        if futures.at_once is not None:
            self._change(futures.at_once, self._awaited(futures.at_once, called))
        else:
            self._change(call, f"asyncio.create_task({called})")
        for result, name in futures.results:
            self._change(result, self._awaited(result, name))
        for completed in futures.completed:
            self._change(completed.func, "asyncio.as_completed")
        return True

    def _awaited(self, node: ast.expr, text: str) -> str:
        """``await`` in the place of a node, in parentheses where what is around binds tighter."""
        tight = isinstance(self.parents().get(node), ast.Attribute | ast.Subscript | ast.BinOp | ast.Await)
        return f"(await {text})" if tight else f"await {text}"

    def _edit(self, limit: str, calls: list[ast.Call]) -> Edit:
        places, node = self._places(), self.node
        last = node.body[-1].end_lineno
        assert last is not None
        start, first, end = (
            places.line_start(node.lineno),
            places.line_start(node.body[0].lineno),
            places.line_start(last + 1),
        )
        indent, inner = places.indent(node), places.indent(node.body[0])
        body = places.between(first, end)
        for begin, finish, text in sorted(set(self._changes), reverse=True):
            body = body[: begin - first] + text + body[finish - first :]
        lines = [line.removeprefix(inner) for line in body.splitlines()]
        moved = "".join(f"{indent}{line}\n" if line.strip() else "\n" for line in lines)
        head = (
            f"{indent}{self._turns} = asyncio.Semaphore({limit})\n\n"
            f"{indent}async def {self._limited}({self._body[0]}):\n"
            f"{indent}    async with {self._turns}:\n"
            f"{indent}        return {self._body[1]}\n\n"
        )
        return Edit(start, end, head + moved, self.code, ("asyncio",))


def _free_name(name: str, taken: set[str]) -> str:
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    return found


def _method(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


class _Futures:
    """What becomes of what `submit` gives, in the scope around it."""

    def __init__(self, pool: _Pool, call: ast.Call) -> None:
        self._pool = pool
        self._call = call
        self._parents = pool.parents()
        self.at_once: ast.Call | None = None
        """The call of `submit(...).result()`, where the future is not kept."""
        self.results: list[tuple[ast.Call, str]] = []
        self.completed: list[ast.Call] = []
        self._one: set[str] = set()
        self._many: set[str] = set()

    def are_simple(self) -> bool:
        holder = self._parents[self._call]
        if isinstance(holder, ast.Attribute):
            self.at_once = self._result(holder)
            return self.at_once is not None
        if not self._kept(self._call):
            return False
        return self._follow()

    def _kept(self, node: ast.AST) -> bool:
        """Note the name that holds a future, or a list of futures."""
        parent = self._parents[node]
        if isinstance(parent, ast.Assign) and len(parent.targets) == 1 and isinstance(parent.targets[0], ast.Name):
            is_list = isinstance(node, ast.ListComp | ast.List)
            (self._many if is_list else self._one).add(parent.targets[0].id)
            return True
        if isinstance(parent, ast.ListComp) and parent.elt is node:
            return self._kept(parent)
        if isinstance(parent, ast.List):
            return self._kept(parent)
        adds = isinstance(parent, ast.Call) and isinstance(parent.func, ast.Attribute) and parent.func.attr == "append"
        if adds and isinstance(parent, ast.Call) and isinstance(parent.func, ast.Attribute):
            holder = parent.func.value
            if isinstance(holder, ast.Name):
                self._many.add(holder.id)
                return True
        return False

    def _follow(self) -> bool:
        """Go through all uses of these names, and of those that loops over them bind."""
        names = [n for n in self._pool.nodes() if isinstance(n, ast.Name)]
        done: set[ast.Name] = set()
        while True:
            todo = [n for n in names if n.id in self._one | self._many and n not in done]
            if not todo:
                return True
            done.update(todo)
            if not all(self._use(name) for name in todo):
                return False

    def _use(self, name: ast.Name) -> bool:
        parent = self._parents[name]
        if isinstance(name.ctx, ast.Store):
            return self._is_binding(name, parent)
        if name.id in self._one:
            called = self._result(parent) if isinstance(parent, ast.Attribute) else None
            if called is not None:
                self.results.append((called, name.id))
            return called is not None
        if isinstance(parent, ast.For | ast.comprehension) and parent.iter is name:
            return self._loop(parent)
        if isinstance(parent, ast.Call) and name in parent.args:
            if self._pool.names(parent, _AS_COMPLETED) and len(parent.args) == 1:
                loop = self._parents[parent]
                self.completed.append(parent)
                return isinstance(loop, ast.For | ast.comprehension) and self._loop(loop)
            return isinstance(parent.func, ast.Name) and parent.func.id == "len"
        return isinstance(parent, ast.Attribute) and parent.attr == "append" and self._appends(parent)

    def _appends(self, method: ast.Attribute) -> bool:
        call = self._parents[method]
        return isinstance(call, ast.Call) and call.args == [self._call]

    def _is_binding(self, name: ast.Name, parent: ast.AST) -> bool:
        if isinstance(parent, ast.For | ast.comprehension):
            return parent.target is name and name.id in self._one
        if not isinstance(parent, ast.Assign):
            return False
        value = parent.value
        empty = isinstance(value, ast.List) and not value.elts
        return value is self._call or empty or self._call in set(ast.walk(value))

    def _loop(self, loop: ast.For | ast.comprehension) -> bool:
        if not isinstance(loop.target, ast.Name):
            return False
        self._one.add(loop.target.id)
        return True

    def _result(self, method: ast.Attribute) -> ast.Call | None:
        call = self._parents[method]
        plain = isinstance(call, ast.Call) and call.func is method and not call.args and not call.keywords
        return call if plain and isinstance(call, ast.Call) and method.attr == "result" else None
