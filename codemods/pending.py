"""Coroutines that the source keeps before they are awaited: under a name, in a list, as another function's argument.

Who awaits such a call is somewhere else, so it is not awaited where it is made. A call's value is taken for a
coroutine where the code treats it as one: it is awaited, handed to asyncio, or to a parameter treated so.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable

from codemods.coloring import Coloring
from codemods.program import FunctionInfo
from codemods.program.build import dotted, iter_own
from codemods.program.scopes import Scope
from codemods.program.values import External

_OF_ASYNCIO = frozenset(
    {"create_task", "ensure_future", "gather", "wait", "wait_for", "shield", "run", "run_coroutine_threadsafe",
     "as_completed", "iscoroutine", "isfuture"}
)  # fmt: skip
_METHODS = frozenset({"create_task", "ensure_future", "run_until_complete", "run_coroutine_threadsafe"})
"""Of loops, runners and task groups, whatever they are called."""
_OTHERS = frozenset({"inspect.isawaitable", "inspect.iscoroutine"})
_TAKE_COROUTINES = _OF_ASYNCIO | _METHODS | {"isawaitable", "iscoroutine", "ready"}
_TELLING = frozenset({ast.For, ast.comprehension, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.NamedExpr})
"""What binds names, to coroutines where these are treated so."""
_ASKING = frozenset({ast.If, ast.While, ast.IfExp, ast.BoolOp, ast.UnaryOp, ast.Compare})
_HELPER = "dspy.utils.supplied:ready"
_TESTS = frozenset({"iscoroutine", "isawaitable", "isfuture"})
_ADDS = frozenset({"append", "add", "extend", "insert", "appendleft", "put_nowait"})


def awaited_elsewhere(coloring: Coloring) -> frozenset[ast.Call]:
    """Calls in own code whose coroutine is awaited at another place than the call's."""
    return frozenset(_Pending(coloring).solve())


class _Pending:
    def __init__(self, coloring: Coloring):
        self.coloring = coloring
        self.sites = {site.node: site for site in coloring.calls}
        self.calls: set[ast.Call] = set()
        self.names: dict[Scope, set[str]] = defaultdict(set)
        """Names that hold coroutines, or containers of them, by the scope they are used in."""
        self.tested: dict[Scope, set[str]] = defaultdict(set)
        """Names that are awaited at once: the code asks whether they hold an awaitable, or anything at all."""

    def solve(self) -> set[ast.Call]:
        """Go through all scopes until nothing is learnt: a name, or a function's parameter, leads to others."""
        scopes = self.coloring.flow.scopes
        for scope in scopes:
            self.tested[scope].update(_tested_names(scope), self._judged_names(scope))
        telling = [(n, scope) for scope in scopes for n in scope.nodes if n.__class__ in _TELLING]
        telling += [(n, scope) for scope in scopes for n in (*scope.calls, *scope.awaits)]
        while True:
            before = len(self.calls), sum(map(len, self.names.values()))
            for node, scope in telling:
                self._learn(node, scope)
            if before == (len(self.calls), sum(map(len, self.names.values()))):
                return self.calls

    def _judged_names(self, scope: Scope) -> Iterable[str]:
        """Names whose truth is asked, that hold what a plain function of the source gives, which is a coroutine now.

        It gave a coroutine or nothing, and would always give one.
        """
        asked = _asked_names(scope)
        for node in scope.nodes if asked else ():
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and node.value in self.sites:
                names = {target.id for target in node.targets if isinstance(target, ast.Name)}
                targets = self.sites[node.value].targets
                if names & asked and any(self.coloring.is_coroutine(t) and not t.is_async for t in targets):
                    yield from names

    def _learn(self, node: ast.AST, scope: Scope) -> None:
        if isinstance(node, ast.Await):
            self._expect(node.value, scope)
        elif isinstance(node, ast.Call):
            self._learn_call(node, scope)
        elif isinstance(node, ast.For | ast.comprehension) and self._holds(node.target, scope):
            self._expect(node.iter, scope)
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.NamedExpr):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if node.value is not None and any(self._holds(target, scope) for target in targets):
                self._expect(node.value, scope)

    def _learn_call(self, call: ast.Call, scope: Scope) -> None:
        if self._takes_coroutines(call, scope) or self._adds(call, scope):
            for argument in call.args:
                self._expect(argument, scope)
        elif call in self.sites:
            for target in self.sites[call].targets:
                inner = self.coloring.flow.scope_of[target.node]
                wanted = self.names[inner] - self.tested[inner] if self.names[inner] else ()
                for argument, parameter in _bound_arguments(call, target) if wanted else ():
                    if parameter in wanted:
                        self._expect(argument, scope)

    def _adds(self, call: ast.Call, scope: Scope) -> bool:
        """``pending.append(...)`` to a list whose coroutines are awaited somewhere."""
        callee = call.func
        return isinstance(callee, ast.Attribute) and callee.attr in _ADDS and self._holds(callee.value, scope)

    def _takes_coroutines(self, call: ast.Call, scope: Scope) -> bool:
        callee = call.func
        last = callee.attr if isinstance(callee, ast.Attribute) else callee.id if isinstance(callee, ast.Name) else ""
        if last not in _TAKE_COROUTINES:
            return False
        if last == "ready":
            return any(target.symbol == _HELPER for target in self.sites[call].targets) if call in self.sites else False
        values = self.coloring.flow.values(call.func, scope)
        names = {v.name for v in values if isinstance(v, External)}
        if names & _OTHERS or any(n.startswith(("asyncio.", "anyio.")) for n in names):
            return True
        return last in _METHODS and len(names) == len(values)

    def _holds(self, node: ast.expr, scope: Scope) -> bool:
        while isinstance(node, ast.Subscript | ast.Starred):
            node = node.value
        return isinstance(node, ast.Name) and node.id in self.names[scope] and node.id not in self.tested[scope]

    def _expect(self, node: ast.expr, scope: Scope) -> None:
        """``node`` holds a coroutine, or coroutines: note the names and calls that make them."""
        if isinstance(node, ast.Call):
            self._expect_call(node, scope)
        elif isinstance(node, ast.Name):
            for each in self._scopes_up_to(node.id, scope):
                self.names[each].add(node.id)
        elif isinstance(node, ast.Starred | ast.NamedExpr | ast.Subscript):
            self._expect(node.value, scope)
        elif isinstance(node, ast.List | ast.Tuple | ast.Set):
            for element in node.elts:
                self._expect(element, scope)
        elif isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp):
            self._expect(node.elt, scope)
        elif isinstance(node, ast.DictComp):
            self._expect(node.value, scope)
        elif isinstance(node, ast.Dict):
            for value in node.values:
                self._expect(value, scope)
        elif isinstance(node, ast.IfExp):
            self._expect(node.body, scope)
            self._expect(node.orelse, scope)
        elif isinstance(node, ast.BinOp):
            self._expect(node.left, scope)
            self._expect(node.right, scope)

    def _scopes_up_to(self, name: str, scope: Scope) -> Iterable[Scope]:
        """The scope, and those around it up to the function that binds the name."""
        yield scope
        function = scope.function
        while function is not None and function.parent is not None and name not in function.locals:
            function = function.parent
            yield self.coloring.flow.scope_of[function.node]

    def _expect_call(self, call: ast.Call, scope: Scope) -> None:
        self.calls.add(call)
        if isinstance(call.func, ast.Attribute) and call.func.attr in ("values", "pop", "popleft", "get"):
            self._expect(call.func.value, scope)
        elif isinstance(call.func, ast.Name) and call.func.id in ("list", "tuple", "set", "reversed", "next", "iter"):
            for argument in call.args:
                self._expect(argument, scope)


def _tested_names(scope: Scope) -> set[str]:
    return {
        argument.id
        for call in scope.calls
        if (dotted(call.func) or "").split(".")[-1] in _TESTS
        for argument in call.args
        if isinstance(argument, ast.Name)
    }


def _asked_names(scope: Scope) -> set[str]:
    """Names of which a scope asks whether they are true, or None."""
    found: set[str] = set()
    for node in iter_own(scope.node):
        if node.__class__ not in _ASKING:
            continue
        if isinstance(node, ast.If | ast.While | ast.IfExp):
            asked = [node.test]
        elif isinstance(node, ast.BoolOp):
            asked = node.values
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            asked = [node.operand]
        elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Is | ast.IsNot):
            asked = [node.left]
        else:
            continue
        found.update(each.id for each in asked if isinstance(each, ast.Name))
    return found


def _bound_arguments(call: ast.Call, target: FunctionInfo) -> Iterable[tuple[ast.expr, str]]:
    """``(argument, parameter)`` for what a call hands to a function of the package."""
    parameters = [a.arg for a in target.arguments][1 if target.is_method else 0 :]
    if parameters[:1] == ["settings"] and len(call.args) < len(parameters):
        parameters = parameters[1:]
    for argument, parameter in zip(call.args, parameters, strict=False):
        if isinstance(argument, ast.Starred):
            break
        yield argument, parameter
    for keyword in call.keywords:
        if keyword.arg is not None:
            yield keyword.value, keyword.arg
