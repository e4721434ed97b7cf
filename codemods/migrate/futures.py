"""What becomes of the futures of a pool of threads that goes: tasks, where nothing else is asked of them."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

AS_COMPLETED = frozenset({"concurrent.futures.as_completed"})
_WAIT = frozenset({"concurrent.futures.wait"})
_Loop = ast.For | ast.comprehension


@dataclass(eq=False)
class Futures:
    """The futures of one `pool.submit(...)`, in the scope around it.

    Args:
        call: what makes them.
        calls: all that make futures of the same pool.
        nodes: every node of the scope.
        parents: of each node.
        names: whether a call is one of another package's functions, by their dotted names.
    """

    call: ast.Call
    calls: Collection[ast.Call]
    nodes: Callable[[], Iterable[ast.AST]]
    parents: Mapping[ast.AST, ast.AST]
    names: Callable[[ast.expr, frozenset[str]], bool]
    at_once: ast.Call | None = None
    """The call of `submit(...).result()`, where the future is not kept."""
    is_dropped: bool = False
    """Whether nobody keeps it: who leaves the pool waits for it."""
    results: list[tuple[ast.Call, ast.expr]] = field(default_factory=list[tuple[ast.Call, ast.expr]])
    """The calls that ask for a result, with the expression that holds the future."""
    completed: list[tuple[ast.Call, _Loop]] = field(default_factory=list[tuple[ast.Call, _Loop]])
    """The calls of `as_completed`, with the loops over them."""
    waits: list[tuple[ast.Call, str]] = field(default_factory=list[tuple[ast.Call, str]])
    """The calls that wait for all, with the name of what holds these."""
    by_identity: bool = False
    """Whether the code asks which of the futures it has."""
    _one: set[str] = field(default_factory=set[str])
    _many: set[str] = field(default_factory=set[str])
    _keys: set[str] = field(default_factory=set[str])
    """Dictionaries whose keys are futures."""
    _values: set[str] = field(default_factory=set[str])
    """Dictionaries whose values are futures."""

    def are_simple(self) -> bool:
        """Whether all that is asked of them is asked of tasks as well. Fills in what is to be changed."""
        holder = self.parents[self.call]
        if isinstance(holder, ast.Attribute):
            self.at_once = self._result(holder)
            return self.at_once is not None
        if isinstance(holder, ast.Expr):
            self.is_dropped = True
            return True
        if not self._kept(self.call, self._one) or not self._follow():
            return False
        # What nobody asks for is waited for at the end of the pool: a task would not be.
        return bool(self.results or self.waits) and self._loops_can_wait()

    @property
    def _made(self) -> set[ast.AST]:
        return set(self.calls)

    def _loops_can_wait(self) -> bool:
        if not self.by_identity:
            return True
        generators = (self.parents[loop] for _, loop in self.completed if isinstance(loop, ast.comprehension))
        return not any(isinstance(each, ast.GeneratorExp) for each in generators)

    # -- where they are kept ----------------------------------------------------------------------------------------

    def _kept(self, node: ast.AST, held: set[str]) -> bool:
        """Note the name that holds a future, or a collection of them."""
        parent = self.parents[node]
        if isinstance(parent, ast.Assign) and len(parent.targets) == 1 and parent.value is node:
            return self._assigned(parent.targets[0], held)
        if isinstance(parent, ast.ListComp) and parent.elt is node and held is self._one:
            return self._kept(parent, self._many)
        if isinstance(parent, ast.List) and held is self._one:
            return self._kept(parent, self._many)
        if isinstance(parent, ast.DictComp) and held is self._one:
            return self._kept(parent, self._keys if parent.key is node else self._values)
        if isinstance(parent, ast.Subscript) and isinstance(parent.ctx, ast.Store) and parent.slice is node:
            return held is self._one and self._added_to(parent.value, self._keys)
        adds = isinstance(parent, ast.Call) and isinstance(parent.func, ast.Attribute) and parent.func.attr == "append"
        if adds and isinstance(parent, ast.Call) and isinstance(parent.func, ast.Attribute) and held is self._one:
            return self._added_to(parent.func.value, self._many)
        return False

    def _assigned(self, target: ast.expr, held: set[str]) -> bool:
        if isinstance(target, ast.Name):
            held.add(target.id)
            return True
        return isinstance(target, ast.Subscript) and held is self._one and self._added_to(target.value, self._values)

    def _added_to(self, holder: ast.expr, held: set[str]) -> bool:
        if isinstance(holder, ast.Name):
            held.add(holder.id)
        return isinstance(holder, ast.Name)

    # -- what is asked of them --------------------------------------------------------------------------------------

    def _follow(self) -> bool:
        """Go through all uses of these names, and of those that loops over them bind."""
        names = [n for n in self.nodes() if isinstance(n, ast.Name)]
        done: set[ast.Name] = set()
        while True:
            held = self._one | self._many | self._keys | self._values
            todo = [n for n in names if n.id in held and n not in done]
            if not todo:
                return True
            done.update(todo)
            if not all(self._use(name) for name in todo):
                return False

    def _use(self, name: ast.Name) -> bool:
        parent = self.parents[name]
        if sum(name.id in held for held in (self._one, self._many, self._keys, self._values)) > 1:
            return False
        if isinstance(name.ctx, ast.Store):
            return self._is_binding(name, parent)
        if name.id in self._one:
            return self._use_of_one(name, parent)
        if isinstance(parent, ast.Call) and name in parent.args:
            return self._handed(name, parent)
        if isinstance(parent, ast.Subscript) and parent.value is name:
            return name.id not in self._many and self._looked_up(name, parent)
        if isinstance(parent, _Loop) and parent.iter is name:
            return name.id in self._values or self._loop(parent.target)
        if isinstance(parent, ast.Attribute):
            return self._method(name, parent)
        return isinstance(parent, ast.Compare) and name.id in self._values

    def _use_of_one(self, name: ast.Name, parent: ast.AST) -> bool:
        if isinstance(parent, ast.Attribute):
            called = self._result(parent)
            if called is not None:
                self.results.append((called, name))
            return called is not None
        holder = parent.value if isinstance(parent, ast.Subscript) and parent.slice is name else None
        if isinstance(parent, ast.Call) and parent.args[:1] == [name] and isinstance(parent.func, ast.Attribute):
            holder = parent.func.value if parent.func.attr in ("pop", "get") else None
        self.by_identity = True
        return isinstance(holder, ast.Name) and holder.id in self._keys

    def _handed(self, name: ast.Name, call: ast.Call) -> bool:
        if self.names(call, AS_COMPLETED) and call.args == [name] and not call.keywords:
            loop = self.parents[call]
            if not isinstance(loop, _Loop) or loop.iter is not call or name.id in self._values:
                return False
            self.completed.append((call, loop))
            return self._loop(loop.target)
        if self.names(call, _WAIT) and call.args == [name] and not call.keywords:
            self.waits.append((call, name.id))
            return isinstance(self.parents[call], ast.Expr) and name.id not in self._values
        return isinstance(call.func, ast.Name) and call.func.id == "len"

    def _looked_up(self, name: ast.Name, item: ast.Subscript) -> bool:
        if name.id in self._keys:
            return True
        if isinstance(item.ctx, ast.Store):
            assignment = self.parents[item]
            return isinstance(assignment, ast.Assign) and assignment.value in self.calls
        method = self.parents[item]
        called = self._result(method) if isinstance(method, ast.Attribute) else None
        if called is not None:
            self.results.append((called, item))
        return called is not None

    def _method(self, name: ast.Name, method: ast.Attribute) -> bool:
        call = self.parents[method]
        if not isinstance(call, ast.Call) or call.func is not method:
            return False
        if name.id in self._many:
            return method.attr == "append" and call.args[0] in self.calls
        loop = self.parents[call]
        target = loop.target if isinstance(loop, _Loop) and loop.iter is call else None
        if method.attr == "items" and isinstance(target, ast.Tuple) and len(target.elts) == 2:
            return self._loop(target.elts[0 if name.id in self._keys else 1])
        if method.attr == "values":
            return name.id in self._keys or (target is not None and self._loop(target))
        return method.attr in ("pop", "get") and name.id in self._keys

    def _is_binding(self, name: ast.Name, parent: ast.AST) -> bool:
        if isinstance(parent, ast.Tuple):
            loop = self.parents[parent]
            return isinstance(loop, _Loop) and loop.target is parent and name.id in self._one
        if isinstance(parent, _Loop):
            return parent.target is name and name.id in self._one
        if not isinstance(parent, ast.Assign):
            return False
        value = parent.value
        empty = isinstance(value, ast.List) and not value.elts
        empty = empty or (isinstance(value, ast.Dict) and not value.keys)
        return value in self.calls or empty or not self._made.isdisjoint(ast.walk(value))

    def _loop(self, target: ast.expr) -> bool:
        if isinstance(target, ast.Name):
            self._one.add(target.id)
        return isinstance(target, ast.Name)

    def _result(self, method: ast.Attribute) -> ast.Call | None:
        call = self.parents[method]
        plain = isinstance(call, ast.Call) and call.func is method and not call.args and not call.keywords
        return call if plain and isinstance(call, ast.Call) and method.attr == "result" else None
