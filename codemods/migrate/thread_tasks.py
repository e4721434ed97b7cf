"""Threads around coroutine functions become tasks, where they are started and joined in one place.

`thread = threading.Thread(target=f, args=(x,))` is `asyncio.create_task(f(x))`, its `start()` goes, and who joins it
waits for the task. A thread's exception does not reach who joins it, so `asyncio.wait` it is. Nothing that could wait
for what a thread does may stand between, since a task runs no earlier than somebody waits.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

from codemods.migrate.locks import holds_lock
from codemods.migrate.pools import can_wait
from codemods.migrate.rewriting import Edit
from codemods.migrate.scope_text import ScopeText
from codemods.migrate.uses import uses
from codemods.program.build import iter_own
from codemods.threads import makes_thread

_THREAD = frozenset({"threading.Thread"})
_QUIET = frozenset({"print", "len", "range", "enumerate", "zip", "list", "str", "append", "sleep", "time",
                    "perf_counter"})  # fmt: skip
"""What may be called between a thread's making and its end: nothing that waits for the thread."""
_OPTIONS = frozenset({"target", "args", "kwargs", "daemon", "name"})


def threads(here: ScopeText) -> Iterator[Edit]:
    """The edit of the threads of one scope: all of them, or none."""
    made = [call for call in here.scope.calls if makes_thread(here.coloring.flow, call, here.scope, _THREAD)]
    if made and can_wait(here.coloring, here.scope):
        yield from _Threads(here, made).edits()


@dataclass
class _Threads:
    """The threads that a scope makes."""

    here: ScopeText
    made: list[ast.Call]
    _one: set[str] = field(default_factory=set[str])
    _many: set[str] = field(default_factory=set[str])
    _starts: list[ast.stmt] = field(default_factory=list[ast.stmt])
    """The statements that start threads and do nothing else."""
    _joins: list[ast.Call] = field(default_factory=list[ast.Call])
    _known: set[ast.Call] = field(default_factory=set[ast.Call])
    """The calls that the threads are made, kept, started and joined by."""

    def edits(self) -> Iterator[Edit]:
        called = [self._called(call) for call in self.made]
        if not all(called) or not all(self._kept(call) for call in self.made) or not self._follow():
            return
        if not self._starts or not self._joins or not self._is_in_order():
            return
        block = self._statements()
        if not block or not self._is_quiet(block):
            return
        changes = [
            (self.here.places.start(call), self.here.places.end(call), f"asyncio.create_task({text})")
            for call, text in zip(self.made, called, strict=True)
        ]
        changes += [
            (self.here.places.start(call), self.here.places.end(call), self._joined(call)) for call in self._joins
        ]
        for statement in self._starts:
            assert statement.end_lineno is not None
            lines = self.here.places.line_start(statement.lineno), self.here.places.line_start(statement.end_lineno + 1)
            changes.append((*lines, ""))
        last = block[-1].end_lineno
        assert last is not None
        start, end = self.here.places.line_start(block[0].lineno), self.here.places.line_start(last + 1)
        yield Edit(start, end, self.here.places.changed(start, end, changes), self.here.code, ("asyncio",))

    # -- what runs in them -----------------------------------------------------------------------------------------

    def _called(self, made: ast.Call) -> str | None:
        """The call that a thread makes, as it is written; None where that cannot be told, or may hold up the loop."""
        given = {keyword.arg: keyword.value for keyword in made.keywords if keyword.arg is not None}
        if made.args or len(given) != len(made.keywords) or not given.keys() <= _OPTIONS or "target" not in given:
            return None
        target, arguments = given["target"], self._arguments(given.get("args"), given.get("kwargs"))
        functions = self.here.coloring.flow.functions(target, self.here.scope)
        if (
            arguments is None
            or not self.here.waits(target, self.here.scope)
            or any(self._holds_up(f.node) for f in functions)
        ):
            return None
        if any(holds_lock(self.here.coloring, function) for function in functions):
            return None
        if isinstance(target, ast.Lambda):
            plain = not arguments and not ast.unparse(target.args) and isinstance(target.body, ast.Call)
            return self.here.places.source(target.body) if plain else None
        return f"{self.here.places.source(target)}({', '.join(arguments)})"

    def _arguments(self, args: ast.expr | None, kwargs: ast.expr | None) -> list[str] | None:
        positional = args.elts if isinstance(args, ast.Tuple | ast.List) else []
        if (args is not None and not isinstance(args, ast.Tuple | ast.List)) or (
            kwargs is not None and not isinstance(kwargs, ast.Dict)
        ):
            return None
        found = [self.here.places.source(argument) for argument in positional]
        for key, value in zip(kwargs.keys, kwargs.values, strict=True) if isinstance(kwargs, ast.Dict) else ():
            if not isinstance(key, ast.Constant) or not isinstance(key.value, str) or not key.value.isidentifier():
                return None
            found.append(f"{key.value}={self.here.places.source(value)}")
        return found

    def _holds_up(self, node: ast.AST) -> bool:
        """Whether a function waits for other threads: it would wait for tasks that never get their turn."""
        calls = (n for n in ast.walk(node) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute))
        return any(_may_block(call) for call in calls)

    # -- where they are kept ---------------------------------------------------------------------------------------

    def _kept(self, made: ast.Call) -> bool:
        self._known.add(made)
        parent = self.here.parents[made]
        many = isinstance(parent, ast.List) or (isinstance(parent, ast.ListComp) and parent.elt is made)
        holder = self.here.parents[parent] if many else parent
        if isinstance(holder, ast.Assign) and len(holder.targets) == 1 and isinstance(holder.targets[0], ast.Name):
            (self._many if many else self._one).add(holder.targets[0].id)
            return self.here.places.is_alone(holder)
        return not many and isinstance(parent, ast.Call) and self._is_appended(parent, made)

    def _is_appended(self, call: ast.Call, item: ast.expr) -> bool:
        if not isinstance(call.func, ast.Attribute) or call.func.attr != "append" or call.args != [item]:
            return False
        self._known.add(call)
        if isinstance(call.func.value, ast.Name):
            self._many.add(call.func.value.id)
        return isinstance(call.func.value, ast.Name)

    def _follow(self) -> bool:
        own = set(iter_own(self.here.scope.node))
        names = list(uses(self.here.coloring.program, self.here.scope.node))
        done: set[ast.Name] = set()
        while True:
            todo = [n for n in names if n.id in self._one | self._many and n not in done]
            if not todo:
                return not self._one & self._many
            done.update(todo)
            if not all(name in own and self._use(name, self.here.parents[name]) for name in todo):
                return False

    def _use(self, name: ast.Name, parent: ast.AST) -> bool:
        if isinstance(name.ctx, ast.Store):
            return self._is_binding(name, parent)
        if isinstance(parent, ast.Call) and name in parent.args and name.id in self._one:
            return self._is_appended(parent, name)
        if name.id in self._many:
            if isinstance(parent, ast.For | ast.comprehension) and parent.iter is name:
                return self._loop(parent.target)
            appends = isinstance(parent, ast.Attribute) and parent.attr == "append"
            return appends or (isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name))
        return isinstance(parent, ast.Attribute) and self._method(parent)

    def _loop(self, target: ast.expr) -> bool:
        if isinstance(target, ast.Name):
            self._one.add(target.id)
        return isinstance(target, ast.Name)

    def _is_binding(self, name: ast.Name, parent: ast.AST) -> bool:
        if isinstance(parent, ast.For | ast.comprehension):
            return parent.target is name and name.id in self._one
        if not isinstance(parent, ast.Assign):
            return False
        value = parent.value
        made = value in self.made or (isinstance(value, ast.ListComp) and value.elt in self.made)
        listed = isinstance(value, ast.List) and all(each in self.made for each in value.elts)
        return made or listed

    def _method(self, method: ast.Attribute) -> bool:
        call = self.here.parents[method]
        if not isinstance(call, ast.Call) or call.func is not method:
            return False
        self._known.add(call)
        if method.attr == "join":
            self._joins.append(call)
            return (
                isinstance(self.here.parents[call], ast.Expr | ast.ListComp)
                and len(call.args) + len(call.keywords) <= 1
            )
        return method.attr == "start" and self._started(call)

    def _started(self, call: ast.Call) -> bool:
        """Whether what starts a thread can go: a statement among others, or a loop that does nothing else."""
        statement = self.here.parents[call]
        if isinstance(statement, ast.ListComp) and len(statement.generators) == 1:
            statement = self.here.parents[statement]
        if not isinstance(statement, ast.Expr):
            return False
        outer = self.here.parents[statement]
        if isinstance(outer, ast.For) and outer.body == [statement] and not outer.orelse:
            statement = outer
        self._starts.append(statement)
        block = _block(statement, self.here.parents[statement])
        return len(block) > 1 and self.here.places.is_alone(statement)

    # -- whether it may be -----------------------------------------------------------------------------------------

    def _is_in_order(self) -> bool:
        """Whether all are started before one is joined."""
        return max(each.lineno for each in self._starts) < min(call.lineno for call in self._joins)

    def _statements(self) -> list[ast.stmt]:
        """The statements of one block from the first that makes a thread to the last that joins one."""
        first, last = self._innermost(self.made[0]), self._innermost(self._joins[-1])
        lines = [node.lineno for node in (*self.made, *self._joins)]
        for statement in _chain(first, self.here.parents):
            block = _block(statement, self.here.parents[statement])
            holding = [each for each in block if each.lineno <= max(lines) and (each.end_lineno or 0) >= min(lines)]
            if any(last is inner for each in holding for inner in ast.walk(each)):
                inside = {inner for each in holding for inner in ast.walk(each)}
                return holding if all(call in inside for call in (*self.made, *self._joins)) else []
        return []

    def _innermost(self, node: ast.AST) -> ast.stmt:
        while not isinstance(node, ast.stmt):
            node = self.here.parents[node]
        return node

    def _is_quiet(self, block: list[ast.stmt]) -> bool:
        """Whether nothing is called between that could wait for a thread, or that a thread waits for."""
        handed = {inner for call in self.made for inner in ast.walk(call)}
        calls = [n for each in block for n in ast.walk(each) if isinstance(n, ast.Call) and n not in handed]
        return all(call in self._known or _name(call) in _QUIET for call in calls)

    def _joined(self, call: ast.Call) -> str:
        assert isinstance(call.func, ast.Attribute)
        limit = [*call.args, *(keyword.value for keyword in call.keywords)]
        timeout = f", timeout={self.here.places.source(limit[0])}" if limit else ""
        return f"await asyncio.wait([{self.here.places.source(call.func.value)}]{timeout})"


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _may_block(call: ast.Call) -> bool:
    """Whether a method is one of a queue, an event or a barrier, by its name and arguments."""
    name = _name(call)
    named = {keyword.arg for keyword in call.keywords}
    return name in ("wait", "acquire") or (name in ("get", "join") and not call.args) or bool(named & {"block"})


def _block(statement: ast.AST, parent: ast.AST) -> list[ast.stmt]:
    """The list of statements that a statement stands in."""
    for _, value in ast.iter_fields(parent):
        if isinstance(value, list) and statement in value:
            return cast("list[ast.stmt]", value)
    return []


def _chain(statement: ast.stmt, parents: Mapping[ast.AST, ast.AST]) -> Iterator[ast.stmt]:
    """A statement and those around it, up to the function."""
    node: ast.AST = statement
    while node in parents and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.Module):
        if isinstance(node, ast.stmt):
            yield node
        node = parents[node]
