"""Ways from plain code to a coroutine, whatever way they take, become ``asyncio.run(...)``.

There are many: a running loop is asked for first, a thread with a loop of its own is started where there is one, a
worker thread calls back into the loop that it serves. They all run one coroutine to its end and give its result, and
where the code around is a coroutine itself, all that is left of them is ``await``. So two things are written anew,
before the program model is built:

- a call that runs an async function, `anyio.from_thread.run(f, x)` or `syncify(f)(x)`, is written
  ``asyncio.run(f(x))``;
- a function of which each ``return`` gives the result of one and the same coroutine, and which does nothing else but
  find a loop or a thread for it, is written with the one line ``return asyncio.run(...)``.

What becomes of ``asyncio.run`` is the coloring's affair: see :mod:`codemods.blocking`.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import libcst as cst

from codemods.kept import Store, digest
from codemods.passes.imports import fix_imports
from codemods.program.build import dotted
from codemods.symbols import SourceText, is_docstring, lazily_imported
from codemods.syntax import children, walk

_RUN = frozenset({"asyncio.run"})
"""Run a coroutine that they are handed."""
_CALL = frozenset({"anyio.from_thread.run", "anyio.run"})
"""Run an async function that they are handed, with the arguments behind it."""
_WRAP = frozenset({"asyncer.syncify", "asgiref.sync.async_to_sync"})
"""Make a plain function of an async one."""
_SUBMIT = "asyncio.run_coroutine_threadsafe"
_HINTS = ("from_thread", "syncify", "async_to_sync", "anyio", "asyncio")
"""What a text without any of these has nothing of."""
_FINDERS = frozenset({"asyncio", "anyio", "concurrent", "threading", "contextvars", "asyncer", "nest_asyncio"})
"""Packages that are about loops and threads: to call them on the way to a coroutine is no effect of its own."""
_Function = ast.FunctionDef | ast.AsyncFunctionDef
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_STATEMENTS = (
    *_FUNCTIONS,
    ast.Try,
    ast.If,
    ast.With,
    ast.Return,
    ast.Assign,
    ast.Expr,
    ast.Pass,
    ast.Import,
    ast.ImportFrom,
)
"""What a way to a coroutine is made of."""


def without_detours(
    files: Mapping[str, str], final: Collection[str] = (), plain: Collection[str] = (), store: Store | None = None
) -> tuple[dict[str, str], frozenset[str]]:
    """Texts with each way from plain code to a coroutine written as ``asyncio.run(...)``, and whose ways these were.

    Code that stays plain needs its ways as they are: ``asyncio.run`` works in no loop that runs. So do modules' tops.

    Args:
        files: valid Python by posix path, in the package's root.
        final: symbols (`module:qualname`) and paths that stay as they are.
        plain: symbols of functions that are no coroutines afterwards: of each the own code stays.
        store: keeps what becomes of each file.

    Returns:
        All texts, and the symbols of the functions in which something is written anew.
    """
    texts, changed, store = dict(files), set[str](), store or Store()
    for path, text in files.items():
        name = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        found = _ways(path, name, text, final) if path not in final else []
        found = [detour for detour in found if detour.scope and f"{name}:{detour.scope}" not in plain]
        if found:
            texts[path] = _kept(store, text, found, name)
            changed |= {f"{name}:{detour.scope}" for detour in found}
    return texts, frozenset(changed)


def _ways(path: str, name: str, text: str, final: Collection[str]) -> list[Detour]:
    if not any(hint in text for hint in _HINTS):
        return []
    kept = frozenset(symbol.partition(":")[2] for symbol in final if symbol.startswith(f"{name}:"))
    return detours(SourceText(path, text), kept)


def _kept(store: Store, text: str, found: list[Detour], name: str) -> str:
    places = [f"{detour.start} {detour.end} {detour.text}" for detour in found]
    return store.value(str, digest("detours", name, text, places), lambda: _straightened(text, found, name))


def _straightened(text: str, found: list[Detour], name: str) -> str:
    for each in sorted(found, key=lambda detour: -detour.start):
        text = text[: each.start] + each.text + text[each.end :]
    return fix_imports(cst.parse_module(text), {("asyncio", None)}, text, name, set())


@dataclass(frozen=True)
class Detour:
    """A way from plain code to a coroutine.

    Args:
        node: the function that is nothing else, or the call.
        scope: the qualified name of that function, or of the one that the call stands in; empty at a module's top.
        function: the async function that is called for the coroutine, where the coroutine is not come by otherwise.
        start: offset in characters of the text to exchange: of a function, of what it does.
        end: the offset behind it.
        text: what stands there instead; it names `asyncio`.
    """

    node: ast.FunctionDef | ast.Call
    scope: str
    function: ast.expr | None
    start: int
    end: int
    text: str


def detours(source: SourceText, kept: Collection[str] = (), tree: ast.Module | None = None) -> list[Detour]:
    """The ways from plain code to a coroutine in a module, none within another.

    Args:
        source: the module.
        kept: qualified names of functions and classes that are not looked into.
        tree: the module's tree, for those who know its nodes; otherwise the source's own.
    """
    return list(_Module(source, frozenset(kept), tree or source.tree).detours())


@dataclass(frozen=True)
class _Module:
    """One module and what its names mean."""

    source: SourceText
    kept: frozenset[str]
    tree: ast.Module

    @cached_property
    def imports(self) -> Mapping[str, str]:
        """The dotted name of what each imported name stands for, whichever scope imports it."""
        found: dict[str, str] = {}
        for node in walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    first = alias.name.partition(".")[0]
                    found[alias.asname or first] = alias.name if alias.asname else first
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    found[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        for node in self.tree.body:
            module = lazily_imported(node)
            if module is not None and isinstance(node, ast.Assign):
                found |= {target.id: module for target in node.targets if isinstance(target, ast.Name)}
        return found

    def meaning(self, node: ast.AST) -> str:
        """The dotted name of what a name or an attribute stands for; empty for anything else."""
        first, dot, rest = (dotted(node) or "").partition(".") if isinstance(node, ast.expr) else ("", "", "")
        return f"{self.imports[first]}{dot}{rest}" if first in self.imports else ""

    def detours(self) -> Iterator[Detour]:
        yield from self._detours_in(self.tree, "", "")

    def _detours_in(self, node: ast.AST, above: str, scope: str) -> Iterator[Detour]:
        for child in children(node):
            name = f"{above}{child.name}" if isinstance(child, _Function | ast.ClassDef) else ""
            if name and name in self.kept:
                continue
            within = name if isinstance(child, _Function) else scope
            detour = self._detour(child, within)
            if detour is not None:
                yield detour
            else:
                inner = f"{name}.<locals>." if isinstance(child, _Function) else f"{name}." if name else above
                yield from self._detours_in(child, inner, within)

    def _detour(self, node: ast.AST, scope: str) -> Detour | None:
        if isinstance(node, ast.FunctionDef):
            way = _Way(self, node)
            return way.detour(scope) if way.is_detour() else None
        ran = self.ran(node) if isinstance(node, ast.Call) and not self._hands_over_coroutine(node) else None
        if ran is None or not isinstance(node, ast.Call):
            return None
        start, end = self.source.start(node), self.source.end(node)
        return Detour(node, scope, ran.function, start, end, f"asyncio.run({ran.text})")

    def _hands_over_coroutine(self, call: ast.Call) -> bool:
        """``asyncio.run(...)`` and the like, which need no other form."""
        return self.meaning(call.func) in _RUN or _is_method(call, "run_until_complete")

    def ran(self, node: ast.expr, wrapped: Mapping[str, ast.expr] | None = None) -> _Ran | None:
        """The coroutine that an expression runs to its end, if that is what it does.

        Args:
            node: an expression.
            wrapped: the async functions behind local names for what a wrapper made of them.
        """
        if not isinstance(node, ast.Call):
            return None
        if self._hands_over_coroutine(node):
            handed = node.args[0] if node.args else None
            return None if handed is None or isinstance(handed, ast.Starred) else self.as_written(handed)
        if self.meaning(node.func) in _CALL and node.args and not node.keywords:
            return self._called(node.args[0], node.args[1:], [])
        function = self._unwrapped(node.func, wrapped or {})
        return self._called(function, node.args, node.keywords) if function is not None else None

    def _unwrapped(self, node: ast.expr, wrapped: Mapping[str, ast.expr]) -> ast.expr | None:
        if isinstance(node, ast.Name):
            return wrapped.get(node.id)
        return self.wrapped(node)

    def wrapped(self, node: ast.expr) -> ast.expr | None:
        """The async function that a plain one is made of, as in ``syncify(f)``."""
        if not isinstance(node, ast.Call) or self.meaning(node.func) not in _WRAP:
            return None
        return node.args[0] if len(node.args) == 1 else None

    def _called(self, function: ast.expr, arguments: list[ast.expr], keywords: list[ast.keyword]) -> _Ran | None:
        if isinstance(function, ast.Starred | ast.Lambda):
            return None
        if isinstance(function, ast.Call):
            # Of other calls nothing is known: they are made once, before the loop runs.
            if self.meaning(function.func) != "functools.partial" or not function.args:
                return None
            inner, *bound = function.args
            return self._called(inner, [*bound, *arguments], [*function.keywords, *keywords])
        written = [self._text(argument) for argument in arguments]
        written += [f"{k.arg}={self._text(k.value)}" if k.arg else f"**{self._text(k.value)}" for k in keywords]
        named = [ast.keyword(k.arg, k.value) for k in keywords]
        what = ast.dump(ast.Call(function, arguments, named))
        return _Ran(what, f"{self._text(function)}({', '.join(written)})", function)

    def as_written(self, node: ast.expr) -> _Ran:
        """A coroutine that an expression gives."""
        return _Ran(ast.dump(node), self._text(node), node.func if isinstance(node, ast.Call) else None)

    def _text(self, node: ast.expr) -> str:
        return self.source.text[self.source.start(node) : self.source.end(node)]


@dataclass(frozen=True)
class _Ran:
    """A coroutine that is run to its end: what it is, formatting aside, and its text."""

    what: str
    text: str
    function: ast.expr | None = None
    """The async function that is called for it, where it is no more than that."""

    @property
    def names(self) -> frozenset[str]:
        """The names it speaks of."""
        return frozenset(n.id for n in ast.walk(ast.parse(self.text, mode="eval")) if isinstance(n, ast.Name))


@dataclass(frozen=True)
class _Way:
    """A plain function that may be nothing but a way to a coroutine."""

    module: _Module
    node: ast.FunctionDef

    def is_detour(self) -> bool:
        """Whether each of its returns gives one coroutine's result, and nothing else is done, and it takes a detour."""
        if not _always_returns(self._body) or any(isinstance(n, ast.Yield | ast.YieldFrom) for n in self._own):
            return False
        ran = self._ran
        return (
            ran is not None and not self._is_direct and self._is_whole(ran) and all(map(self._is_of_the_way, self._own))
        )

    @cached_property
    def _ran(self) -> _Ran | None:
        """The coroutine that all returns give the result of; None where there are several, or something else."""
        return self._ran_by(self._returns)

    def _ran_by(self, returns: list[ast.Return]) -> _Ran | None:
        delivered = [self._delivered(each.value) for each in returns]
        whats = {ran.what for ran in delivered if ran is not None}
        return delivered[0] if len(whats) == 1 and None not in delivered else None

    def _needed(self, ran: _Ran) -> list[ast.stmt]:
        """The functions that the coroutine is made of, where they stand in the function itself."""
        return [n for n in self._body if isinstance(n, _Function) and n.name in ran.names]

    def _is_whole(self, ran: _Ran) -> bool:
        """Whether the coroutine needs nothing of the way that is left out."""
        kept = {n.name for n in self._needed(ran) if isinstance(n, _Function)}
        made = {n.name for n in self._own if isinstance(n, _Function)}
        return not ran.names & (self._local_names | made) - kept

    def detour(self, scope: str) -> Detour:
        """The function with the one line, behind what the coroutine needs of it."""
        source, body, ran = self.module.source, self._body, self._ran
        assert ran is not None
        kept = self._needed(ran)
        first, last = source.start(body[0]), source.end(body[-1])
        indent = " " * (first - source.line_start(first))
        texts = [source.text[source.start(each) : source.end(each)] for each in kept]
        text = "".join(f"{text}\n\n{indent}" for text in texts) + f"return asyncio.run({ran.text})"
        return Detour(self.node, scope, ran.function, first, last, text)

    @cached_property
    def _body(self) -> list[ast.stmt]:
        body = self.node.body
        return body[1:] if body and is_docstring(body[0]) else body

    @cached_property
    def _own(self) -> list[ast.AST]:
        """What is done in the function itself, and in the plain functions in it; not what its coroutines do."""
        found: list[ast.AST] = list(self._body)
        for each in found:  # It grows as we go.
            if not isinstance(each, ast.AsyncFunctionDef | ast.Lambda):
                found += children(each)
        return found

    @cached_property
    def _returns(self) -> list[ast.Return]:
        return list(_returns(self._body))

    @property
    def _is_direct(self) -> bool:
        """Whether it is written as it would be after this: one line, behind coroutines at most."""
        others = [each for each in self._body if not isinstance(each, ast.AsyncFunctionDef)]
        value = self._returns[0].value
        plain = isinstance(value, ast.Call) and self.module.meaning(value.func) in _RUN
        return len(others) == 1 and plain

    @cached_property
    def _functions(self) -> Mapping[str, ast.FunctionDef]:
        return {n.name: n for n in self._own if isinstance(n, ast.FunctionDef)}

    @cached_property
    def _values(self) -> Mapping[str, ast.expr]:
        """What each local name holds that is assigned once."""
        found: dict[str, list[ast.expr]] = {}
        for node in self._own:
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    found.setdefault(dotted(target) or "", []).append(node.value)
        return {name: values[0] for name, values in found.items() if len(values) == 1}

    @cached_property
    def _wrapped(self) -> Mapping[str, ast.expr]:
        made = {name: self.module.wrapped(value) for name, value in self._values.items()}
        return {name: function for name, function in made.items() if function is not None}

    def _delivered(self, node: ast.expr | None) -> _Ran | None:
        """The coroutine of which an expression gives the result."""
        if node is None:
            return None
        ran = self.module.ran(node, self._wrapped)
        if ran is not None:
            return ran
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.args and not node.keywords:
            return self._by_function(node.func)
        if self._is_run_by_a_runner(node):
            return self._coroutine(cast("ast.Call", node).args[0])
        if not _is_method(node, "result"):
            return None
        assert isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        future = node.func.value
        return self._started(self._values.get(future.id, future) if isinstance(future, ast.Name) else future)

    def _is_run_by_a_runner(self, node: ast.expr) -> bool:
        """``runner.run(...)`` in a ``with asyncio.Runner() as runner:``."""
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr != "run":
            return False
        return dotted(node.func.value) in self._runners and len(node.args) == 1

    @cached_property
    def _runners(self) -> frozenset[str]:
        items = [item for node in self._own if isinstance(node, ast.With) for item in node.items]
        made = [i for i in items if isinstance(i.context_expr, ast.Call) and i.optional_vars is not None]
        names = {
            dotted(cast("ast.expr", item.optional_vars))
            for item in made
            if self.module.meaning(cast("ast.Call", item.context_expr).func) == "asyncio.Runner"
        }
        return frozenset(name for name in names if name)

    def _started(self, node: ast.expr) -> _Ran | None:
        """The coroutine that is run elsewhere, by what gives a future of its result."""
        if not isinstance(node, ast.Call) or not node.args:
            return None
        if self.module.meaning(node.func) == _SUBMIT:
            return self._coroutine(node.args[0])
        if self.module.meaning(node.args[0]) in _RUN:
            return self._coroutine(node.args[1]) if len(node.args) > 1 else None
        return next((ran for ran in map(self._by_function, node.args) if ran is not None), None)

    def _coroutine(self, node: ast.expr) -> _Ran | None:
        return None if isinstance(node, ast.Starred) else self.module.as_written(node)

    def _by_function(self, node: ast.expr) -> _Ran | None:
        """The coroutine that a function runs which is handed to somebody who calls it."""
        if isinstance(node, ast.Lambda):
            return None if _has_parameters(node) else self._delivered(node.body)
        function = self._functions.get(node.id) if isinstance(node, ast.Name) else None
        if function is None or _has_parameters(function):
            return None
        return self._ran_by(list(_returns(function.body)))

    def _is_of_the_way(self, node: ast.AST) -> bool:
        """Whether a statement or a call does nothing but find a loop or a thread."""
        if isinstance(node, ast.Assign):
            return all(isinstance(target, ast.Name) for target in node.targets)
        if isinstance(node, ast.stmt):
            return isinstance(node, _STATEMENTS)
        if isinstance(node, ast.ExceptHandler):
            return dotted(node.type) == "RuntimeError" if node.type is not None else False
        if not isinstance(node, ast.Call):
            return True
        if self._delivered(node) is not None or self._started(node) is not None:
            return True
        name = dotted(node.func) or ""
        if self.module.meaning(node.func).partition(".")[0] in _FINDERS or self._is_inside_a_run(node):
            return True
        # What was found may be asked and told: `loop.is_running()`, `loop.close()`.
        return name.partition(".")[0] in self._local_names and "." in name

    @cached_property
    def _local_names(self) -> frozenset[str]:
        return frozenset(n.id for n in self._own if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))

    def _is_inside_a_run(self, call: ast.Call) -> bool:
        """Whether a call is part of what is run: it is made as before."""
        return any(call in self._parts(each) for each in self._own if isinstance(each, ast.Call))

    def _parts(self, node: ast.Call) -> list[ast.AST]:
        is_run = self.module.ran(node, self._wrapped) is not None or self._is_run_by_a_runner(node)
        if not is_run and self._started(node) is None:
            return []
        return [part for part in ast.walk(node) if part is not node]


def _is_method(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name


def _has_parameters(node: ast.Lambda | ast.FunctionDef) -> bool:
    arguments = node.args
    required = [*arguments.posonlyargs, *arguments.args][: len(arguments.args) - len(arguments.defaults)]
    return bool(required) or any(default is None for default in arguments.kw_defaults)


def _returns(body: Iterable[ast.AST]) -> Iterator[ast.Return]:
    """The returns of a function, but for those of functions in it."""
    for node in body:
        if isinstance(node, ast.Return):
            yield node
        elif not isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            yield from _returns(children(node))


def _always_returns(body: list[ast.stmt]) -> bool:
    """Whether a block ends with a return, whichever way it goes."""
    last = body[-1] if body else None
    if isinstance(last, ast.If):
        return _always_returns(last.body) and _always_returns(last.orelse)
    if isinstance(last, ast.Try):
        return all(map(_always_returns, [last.orelse or last.body, *(handler.body for handler in last.handlers)]))
    return _always_returns(last.body) if isinstance(last, ast.With) else isinstance(last, ast.Return)
