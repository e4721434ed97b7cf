"""What others call for a program is written out where they would not await it: `map`, `key=`, `assertRaises`, pools.

A builtin that is handed a coroutine function makes coroutines and awaits none. So `map(f, xs)` becomes a list of
`f(each)`, and a sort by `key=f` one by the keys made before it: sync code still, in which the engine finds the calls.
Nothing is written out where no coroutine function is handed over, nor where the result would mean another thing.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator

from codemods.asynchronous import asynchronous_generators
from codemods.coloring import Coloring
from codemods.detours import Detour, detours
from codemods.migrate.commands import commands
from codemods.migrate.pools import can_wait, pools
from codemods.migrate.rewriting import Edit, Rewritten, rewrite, with_imports
from codemods.migrate.scope_text import ModuleText, ScopeText
from codemods.migrate.thread_tasks import threads
from codemods.program import FunctionInfo, ModuleInfo
from codemods.program.build import dotted
from codemods.program.scopes import Scope
from codemods.program.values import External, FunctionRef, Instance
from codemods.symbols import SourceText

MAPPED, SORTED, ASSERTED, POOLED, COMMAND, MADE = "DA116", "DA117", "DA408", "DA118", "DA504", "DA119"
DETOUR = "DA120"
_WIDTH = 100
"""Columns up to which an expression stays on its line."""
_DRAWING = frozenset({"list", "tuple", "set", "frozenset", "sum", "min", "max", "sorted", "dict", "join", "Counter"})
"""Callees that use up what they are handed."""
_RAISING = {"raises": 1, "warns": 1, "assertRaises": 1, "assertWarns": 1, "assertRaisesRegex": 2, "assertWarnsRegex": 2}
"""Assertions that may be handed the function that is to raise, with the number of arguments before it."""
_WORDS = (
    "map(",
    "filter(",
    "key=",
    "aises",
    "arns",
    "xecutor",
    "Thread",
    "asyncify",
    "click",
    "typer",
    "yield",
    "celery",
    "asyncio",
    "anyio",
    "sync",
)
"""Where none of these stands in any module, nothing has to be written out. (Generators may be anywhere.)"""


def write_out(coloring: Coloring, enabled: Collection[str]) -> dict[str, Rewritten]:
    """The modules of a coloured program that change, by path."""
    if not any(word in module.text for module in coloring.program.own_modules() for word in _WORDS):
        return {}
    found: dict[str, Rewritten] = {}
    for module in coloring.program.own_modules():
        edits = [edit for edit in _Module(coloring, module).edits() if edit.code in enabled]
        if edits:
            new = rewrite(module.text, edits)
            found[module.path] = with_imports(new, module) if new.needs else new
    return found


class _Module:
    """One module, scope by scope."""

    def __init__(self, coloring: Coloring, module: ModuleInfo) -> None:
        self.coloring = coloring
        self.flow = coloring.flow
        self.module = module
        self.text = ModuleText(module)

    def edits(self) -> Iterator[Edit]:
        for scope in self.flow.scopes:
            if scope.module is not self.module or scope.class_scope:
                continue
            for call in scope.calls:
                yield from self._call(call, scope)
            here = ScopeText(self.coloring, scope, self.text, self.waits, POOLED)
            yield from pools(here)
            yield from threads(here)
        yield from commands(self.coloring, self.text, COMMAND)
        yield from self._detours()

    def _detours(self) -> Iterator[Edit]:
        """Ways to a coroutine of DSPy's, in code that waits itself: the plain form of each, which is awaited then."""
        source = SourceText(self.module.path, self.module.text)
        found: dict[ast.AST, Detour] = {way.node: way for way in detours(source, tree=self.module.tree)}
        for scope in self.flow.scopes if found else ():
            function = scope.function
            way = found.get(function.node) if function is not None else None
            if way is not None and function is not None and self._is_waited_for(way, scope, function):
                yield Edit(way.start, way.end, way.text, DETOUR, ("asyncio",))
            for way in (found[call] for call in scope.calls if call in found):
                if self._is_waited_for(way, scope):
                    yield Edit(way.start, way.end, way.text, DETOUR, ("asyncio",))

    def _is_waited_for(self, way: Detour, scope: Scope, function: FunctionInfo | None = None) -> bool:
        """Whether what a detour leads to is DSPy's, and the code that takes it can wait."""
        if function is not None and self.coloring.is_coloured(function):
            return True
        return way.function is not None and can_wait(self.coloring, scope) and self.waits(way.function, scope)

    def waits(self, node: ast.expr, scope: Scope) -> bool:
        """Whether calling what ``node`` holds makes a coroutine."""
        for value in self.flow.values(node, scope):
            called = self.flow.attribute(value, "__call__") if isinstance(value, Instance) else frozenset({value})
            for each in called:
                function = self.coloring.program.functions[each.function] if isinstance(each, FunctionRef) else None
                if function is not None and self.coloring.is_coloured(function) and not function.is_generator:
                    return True
        return False

    # -- calls ----------------------------------------------------------------------------------------------------

    def _call(self, call: ast.Call, scope: Scope) -> Iterator[Edit]:
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        if any(isinstance(argument, ast.Starred) for argument in call.args):
            return
        if name in ("map", "filter") and self._is_builtin(call, scope):
            yield from self._mapped(call, name, scope)
        elif name in ("sorted", "min", "max") and self._is_builtin(call, scope):
            yield from self._by_key(call, name, scope)
        elif method == "sort":
            yield from self._sorted_in_place(call, scope)
        elif (name or method) in _RAISING:
            yield from self._raising(call, _RAISING[name or method], scope)
        elif (name or method) == "asyncify":
            yield from self._asyncified(call, scope)
        if (name or method) in _DRAWING:
            yield from self._drawn(call, scope)

    def _is_builtin(self, call: ast.Call, scope: Scope) -> bool:
        assert isinstance(call.func, ast.Name)
        return self.flow.values(call.func, scope) == frozenset({External(f"builtins.{call.func.id}")})

    def _edit(self, node: ast.expr, text: str, code: str) -> Edit:
        return Edit(self.text.places.start(node), self.text.places.end(node), text, code)

    def _source(self, node: ast.expr) -> str:
        """A node's text, in parentheses where it could not stand between others."""
        text = self.text.places.source(node)
        loose = (ast.Lambda, ast.IfExp, ast.BoolOp, ast.NamedExpr, ast.GeneratorExp)
        return f"({text})" if isinstance(node, loose) and not text.startswith("(") else text

    def _fresh(self, scope: Scope, *wanted: str) -> list[str]:
        """Names that nothing in the scope, or in those around it, uses."""
        node = scope.node if not isinstance(scope.node, ast.Lambda) else self.module.tree
        taken = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} | {
            n.arg for n in ast.walk(node) if isinstance(n, ast.arg)
        }
        found: list[str] = []
        for name in wanted:
            while name in taken:
                name = f"{name}_"
            found.append(name)
            taken.add(name)
        return found

    def _applied(self, function: ast.expr, scope: Scope, names: list[str]) -> tuple[str, list[str]]:
        """``f(each)`` with the names of its arguments; a lambda's own body, with its parameters."""
        if isinstance(function, ast.Lambda):
            arguments = function.args
            plain = not (arguments.defaults or arguments.kwonlyargs or arguments.vararg or arguments.kwarg)
            own = [a.arg for a in [*arguments.posonlyargs, *arguments.args]]
            if plain and len(own) == len(names):
                return self._source(function.body), own
        return f"{self._source(function)}({', '.join(names)})", names

    # -- map and filter -------------------------------------------------------------------------------------------

    def _mapped(self, call: ast.Call, name: str, scope: Scope) -> Iterator[Edit]:
        if call.keywords or len(call.args) < 2 or not self.waits(call.args[0], scope):
            return
        function, *iterables = call.args
        if any(self._may_be_endless(iterable, scope) for iterable in iterables):
            return
        sources = [self._source(iterable) for iterable in iterables]
        over = sources[0] if len(sources) == 1 else f"zip({', '.join(sources)})"
        if name == "map":
            names = ["each"] if len(sources) == 1 else [f"each_{number}" for number in range(1, len(sources) + 1)]
            value, names = self._applied(function, scope, self._fresh(scope, *names))
            made = f"[{value} for {', '.join(names)} in {over}]"
        else:
            value, names = self._applied(function, scope, self._fresh(scope, "each"))
            made = f"[{names[0]} for {names[0]} in {over} if {value}]"
        whole, text = self._in_place(call, made)
        yield self._edit(whole, text, MAPPED)

    def _may_be_endless(self, node: ast.expr, scope: Scope) -> bool:
        """Whether an iterable may not end, or is a generator that waits itself."""
        makers = (n for n in ast.walk(node) if isinstance(n, ast.Call))
        endless = any((dotted(m.func) or "").split(".")[-1] in ("count", "cycle", "repeat", "iter") for m in makers)
        return endless or bool(asynchronous_generators(self.coloring, node, scope)[0])

    def _in_place(self, call: ast.Call, made: str) -> tuple[ast.expr, str]:
        """What is replaced, with what: `list(map(...))` as a whole, and an iterator that is kept by one of the list."""
        parent = self.text.parents.get(call)
        if isinstance(parent, ast.Call) and parent.args == [call] and not parent.keywords:
            callee = (dotted(parent.func) or getattr(parent.func, "attr", "")).split(".")[-1]
            if callee == "list":
                return parent, made
            if callee in _DRAWING:
                return call, made
        drawn = isinstance(parent, ast.Call) and (dotted(parent.func) or "") in _DRAWING | {"enumerate", "zip"}
        looped = isinstance(parent, ast.For | ast.comprehension) and parent.iter is call
        if drawn or looped or isinstance(parent, ast.Starred):
            return call, made
        return call, f"iter({made})"

    # -- keys -----------------------------------------------------------------------------------------------------

    def _by_key(self, call: ast.Call, name: str, scope: Scope) -> Iterator[Edit]:
        key = next((k.value for k in call.keywords if k.arg == "key"), None)
        if key is None or len(call.args) != 1 or not self.waits(key, scope):
            return
        others = [k for k in call.keywords if k.arg != "key"]
        if any(k.arg is None for k in others):
            return
        if name == "sorted":
            given = [f"{k.arg}={self.text.places.source(k.value)}" for k in others]
            yield self._edit(call, self._ranked(call.args[0], key, given, scope, self.text.places.indent(call)), SORTED)
            return
        pairs, by = self._pairs(call.args[0], key, scope)
        default = [f"default=(None, {self.text.places.source(k.value)})" for k in others if k.arg == "default"]
        if len(default) == len(others):
            yield self._edit(call, f"{name}({', '.join([pairs, by, *default])})[1]", SORTED)

    def _pairs(self, iterable: ast.expr, key: ast.expr, scope: Scope) -> tuple[str, str]:
        """The list of each item behind its key, and the argument that sorts by the first."""
        each, pair = self._fresh(scope, "each", "pair")
        value, (each, *_) = self._applied(key, scope, [each])
        return f"[({value}, {each}) for {each} in {self._source(iterable)}]", f"key=lambda {pair}: {pair}[0]"

    def _ranked(self, iterable: ast.expr, key: ast.expr, given: list[str], scope: Scope, indent: str) -> str:
        pairs, by = self._pairs(iterable, key, scope)
        each = self._applied(key, scope, self._fresh(scope, "each"))[1][0]
        arguments = [pairs, by, *given]
        line = f"[{each} for _, {each} in sorted({', '.join(arguments)})]"
        if len(indent) + len(line) <= _WIDTH:
            return line
        inner = "".join(f"{indent}        {argument},\n" for argument in arguments)
        loop = f"{indent}    for _, {each} in sorted(\n{inner}{indent}    )\n"
        return f"[\n{indent}    {each}\n{loop}{indent}]"

    def _sorted_in_place(self, call: ast.Call, scope: Scope) -> Iterator[Edit]:
        key = next((k.value for k in call.keywords if k.arg == "key"), None)
        statement = self.text.parents.get(call)
        if key is None or call.args or not isinstance(statement, ast.Expr) or not self.waits(key, scope):
            return
        assert isinstance(call.func, ast.Attribute)
        given = [f"{k.arg}={self.text.places.source(k.value)}" for k in call.keywords if k.arg not in ("key", None)]
        ranked = self._ranked(call.func.value, key, given, scope, self.text.places.indent(call))
        yield self._edit(call, f"{self.text.places.source(call.func.value)}[:] = {ranked}", SORTED)

    # -- generators -----------------------------------------------------------------------------------------------

    def _drawn(self, call: ast.Call, scope: Scope) -> Iterator[Edit]:
        """A generator that waits is used up by a builtin: a list of its items is made first."""
        if not call.args or isinstance(call.args[0], ast.GeneratorExp | ast.ListComp | ast.SetComp | ast.DictComp):
            return
        generators, others = asynchronous_generators(self.coloring, call.args[0], scope)
        if others or not generators or all(generator.is_async for generator in generators):
            return
        each = self._fresh(scope, "each")[0]
        made = f"[{each} for {each} in {self._source(call.args[0])}]"
        is_list = dotted(call.func) == "list" and len(call.args) == 1 and not call.keywords
        yield self._edit(call if is_list else call.args[0], made, MAPPED)

    # -- tests ----------------------------------------------------------------------------------------------------

    def _raising(self, call: ast.Call, before: int, scope: Scope) -> Iterator[Edit]:
        """`assertRaises(E, f, x)` calls `f`; in a `with` block the code does."""
        statement = self.text.parents.get(call)
        if len(call.args) <= before or not isinstance(statement, ast.Expr) or not self.text.places.is_alone(statement):
            return
        function = call.args[before]
        if not self.waits(function, scope):
            return
        rest = [self.text.places.source(argument) for argument in call.args[before + 1 :]]
        rest += [f"{k.arg}={self.text.places.source(k.value)}" if k.arg else f"**{self.text.places.source(k.value)}"
                 for k in call.keywords]  # fmt: skip
        called = f"{self._source(function)}({', '.join(rest)})"
        if isinstance(function, ast.Lambda) and not rest and not function.args.args:
            called = self.text.places.source(function.body)
        asserted = ", ".join(self.text.places.source(argument) for argument in call.args[:before])
        indent = self.text.places.indent(statement)
        text = f"with {self.text.places.source(call.func)}({asserted}):\n{indent}    {called}"
        yield self._edit(call, text, ASSERTED)

    # -- asyncify -------------------------------------------------------------------------------------------------

    def _asyncified(self, call: ast.Call, scope: Scope) -> Iterator[Edit]:
        """What waits by itself needs no thread to run in."""
        functions = {v.function for v in self.flow.values(call.func, scope) if isinstance(v, FunctionRef)}
        makes = bool(functions) and functions <= self.flow.makers.keys()
        if makes and len(call.args) == 1 and not call.keywords and self.waits(call.args[0], scope):
            yield self._edit(call, self._source(call.args[0]), MADE)
