"""What to do to each file: the coloring put into edits, each at an exact place of the source.

The passes carry the plan out and infer nothing; an entry that no pass carried out is an error.
"""

from __future__ import annotations

import ast
import builtins
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field, fields, replace
from keyword import iskeyword
from typing import cast

from codemods.asynchronous import (
    asynchronous_generators,
    consumes_generators,
    enters_asynchronously,
    is_left_by_waiting,
    makes_child,
)
from codemods.blocking import blocking_rules, is_bridge
from codemods.coloring import CallSite, Coloring
from codemods.coloring.calls import makes_partial
from codemods.coloring.settings_object import changes_default, context_alias, is_settings_object
from codemods.handing import caches, foreign_decorators, handed_out
from codemods.mocks import MockPlanner
from codemods.pending import awaited_elsewhere
from codemods.program import FunctionInfo, ModuleInfo, Position
from codemods.program.build import all_bound_names, dotted, iter_own
from codemods.program.model import ClassInfo, Placed
from codemods.program.names import resolve_dotted
from codemods.program.replacements import replacement_by_call
from codemods.program.scopes import Scope
from codemods.program.settings_parameters import SETTINGS
from codemods.program.values import ClassRef, Instance, Made
from codemods.rules import ScopeRule
from codemods.settings_names import binds_settings, holds_something_else, own_settings_name
from codemods.stages import Finding
from codemods.suites import FIXTURE, ISOLATED, Suite, asynchronous_name, is_run_by_a_case, plain_case
from codemods.syntax import walk

Range = tuple[int, int, int, int]
"""First line, first column, last line, last column (exclusive); lines from 1, columns from 0 in characters."""

SUPPLIED = "dspy.utils.supplied"
"""The module of the generated package that holds ``bind`` and ``ready``."""
_EAGER_CONSUMERS = frozenset(
    {"list", "tuple", "set", "frozenset", "sum", "min", "max", "sorted", "dict", "join", "Counter", "array"}
)
_SEARCHES = {"any": 1, "all": 1, "next": 2}
"""Builtins that ask a generator for no more than they need, with the number of their arguments."""
_CHILD = "inner_settings"
ITERATORS = {"Iterator": "AsyncIterator", "Iterable": "AsyncIterable", "Generator": "AsyncGenerator"}
"""Annotations of generators, and those of asynchronous ones."""
_ITERATOR_MODULES = frozenset({"typing", "collections.abc"})
_SIMPLE = (ast.Expr, ast.Return, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Assert, ast.Raise)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_CONDITIONAL = (ast.IfExp, ast.BoolOp)
"""Expressions whose parts may not be evaluated: what is put before has to be without effect."""


@dataclass
class FunctionPlan:
    """What becomes of one definition."""

    make_async: bool = False
    settings: bool = False
    positional_only: bool = False
    receiver: bool = False
    """Whether ``self`` or ``cls`` comes first."""
    before: tuple[str, ...] = ()
    checked: bool = False
    """Whether calls are checked for their settings (public coroutines)."""
    async_contextmanager: bool = False
    iterator_module: str | None = None
    """For what becomes an asynchronous generator: the module that its return annotation's ``Iterator`` is from."""
    name: str | None = None
    """Another name that it is defined under."""
    settings_name: str = SETTINGS
    """What the parameter is called."""
    hoist: str | None = None
    """For a lambda: the name of the nested coroutine function that replaces it."""


@dataclass
class CallPlan:
    """What becomes of one call. ``settings`` and ``bind`` are the expressions to hand over."""

    awaited: bool = False
    settings: str | None = None
    index: int = 0
    before: tuple[str, ...] = ()
    """Where settings do not come first: the parameters that they stand before; ``index`` is the position of the first.
    Behind fewer arguments they are handed by name."""
    bind: str | None = None
    helpers: str = ""
    """What stands before ``bind`` and ``ready`` where the file has other things of these names."""
    replacement: str | None = None
    to_thread: bool = False
    bridge: bool = False
    """Whether it runs a coroutine to its end, and what it is handed is awaited instead."""
    relay: int | None = None
    """Which argument is called with those after it, in place of the call."""
    callee: str | None = None
    """What is called instead, with the same arguments."""
    keywords: tuple[tuple[str, str], ...] = ()
    """Keyword arguments to add, with their expressions."""
    renamed_keywords: tuple[tuple[str, str], ...] = ()
    """Keyword arguments that get another name."""
    search: str | None = None
    """``any``, ``all`` or ``next``, of a generator expression that waits: the first of an asynchronous one is it."""


@dataclass
class WithPlan:
    """A ``with`` item: the child's name to bind, or that it is to be entered asynchronously."""

    child: str | None = None
    asynchronous: bool = False


@dataclass
class FilePlan:
    """The edits of one file."""

    path: str
    functions: dict[Position, FunctionPlan] = field(default_factory=dict[Position, FunctionPlan])
    calls: dict[Range, CallPlan] = field(default_factory=dict[Range, CallPlan])
    reads: dict[Range, str] = field(default_factory=dict[Range, str])
    withs: dict[Range, WithPlan] = field(default_factory=dict[Range, WithPlan])
    iterations: set[Range] = field(default_factory=set[Range])
    to_list: set[Range] = field(default_factory=set[Range])
    delegations: dict[Range, str] = field(default_factory=dict[Range, str])
    """Each ``yield from`` that becomes a loop, with the name of what it yields."""
    bare_awaits: set[Range] = field(default_factory=set[Range])
    docstrings: dict[Range, str] = field(default_factory=dict[Range, str])
    """Literals with examples, as they are to be written."""
    annotation: str | None = "Settings"
    """How ``settings`` parameters are annotated."""
    own_package: bool = True
    """Whether the file belongs to the library itself, and not to a program that uses it."""
    strings: dict[Range, str] = field(default_factory=dict[Range, str])
    """String literals to replace, such as the targets of patches."""
    numbers: dict[Range, int] = field(default_factory=dict[Range, int])
    """Integer literals to replace, such as the index of an argument that a mock was called with."""
    imports: set[tuple[str, str | None]] = field(default_factory=set[tuple[str, str | None]])
    """Imports that the edits need: ``(module, name)``."""
    markers: dict[Position, str] = field(default_factory=dict[Position, str])
    """Decorators that tests need to be run as coroutines."""
    fixtures: dict[Range, str] = field(default_factory=dict[Range, str])
    """Names of decorators that make a fixture of a plain function, with what makes one of a coroutine function."""
    renamed: dict[Range, str] = field(default_factory=dict[Range, str])
    """Names of what a test runner gives and calls, such as the base class of tests, with those of what waits."""
    shadowing: set[Position] = field(default_factory=set[Position])
    """Imports of the settings object inside functions that have settings of their own under that name."""
    findings: list[Finding] = field(default_factory=list[Finding])

    def content(self) -> str:
        """All edits as one text, the same for equal plans: what becomes of the file depends on nothing else of it."""
        return repr(
            [(each.name, _ordered(getattr(self, each.name))) for each in fields(self) if each.name != "findings"]
        )

    @property
    def is_empty(self) -> bool:
        parts = (self.functions, self.calls, self.reads, self.withs, self.iterations, self.bare_awaits, self.docstrings)
        parts = (*parts, self.strings, self.numbers, self.markers, self.fixtures, self.shadowing, self.delegations)
        parts = (*parts, self.renamed)
        return not any(parts)


def _ordered(value: object) -> object:
    if isinstance(value, dict):
        entries = list(cast("dict[object, object]", value).items())
    elif isinstance(value, set):
        entries = list(cast("set[object]", value))
    else:
        return value
    return sorted(entries, key=repr)


def plan_files(
    coloring: Coloring,
    default_settings: str | None = None,
    final: Collection[str] = (),
    awaiting: Collection[str] = (),
) -> dict[str, FilePlan]:
    """The plan of every file, by path.

    ``default_settings`` is the expression used where no settings are in scope (a program's top level);
    without it such a place is a finding. ``final`` are paths and symbols that stay as they are, ``awaiting`` paths of
    modules whose tests need no marker to be awaited.
    """
    sites = {site.node: site for site in coloring.calls}
    elsewhere = awaited_elsewhere(coloring)
    plans: dict[str, FilePlan] = {}
    for module in coloring.program.own_modules():
        suite = Suite(coloring.program, module, awaits_all=module.path in awaiting) if default_settings else None
        plans[module.path] = _Planner(coloring, module, sites, elsewhere, default_settings, final, suite).plan()
    return plans


@dataclass
class _Env:
    """What is in scope at a place: the settings expression, the function whose body runs, its scope."""

    settings: str | None
    scope: Scope
    depth: int = 0
    held: frozenset[str] = frozenset()
    """Names of the children of enclosing blocks."""
    clash: bool = False
    """Whether the name ``settings`` holds something else here."""
    hoistable: bool = False
    """Whether the place belongs to a simple statement, before which a definition can be put."""
    evaluated: bool = True
    """Whether the place is evaluated whenever its statement is."""

    @property
    def function(self) -> FunctionInfo | None:
        return self.scope.function


class _Planner:
    def __init__(
        self,
        coloring: Coloring,
        module: ModuleInfo,
        sites: dict[ast.Call, CallSite],
        awaited: frozenset[ast.Call],
        default_settings: str | None,
        final: Collection[str],
        suite: Suite | None,
    ):
        self.final = final
        self.suite = suite
        self.coloring = coloring
        self.module = module
        self.sites = sites
        self.default = default_settings
        self.file = FilePlan(module.path)
        if default_settings is not None:
            self.file.own_package = False
            self.file.annotation = _annotation(module, coloring.rules.settings.class_symbol.split(".")[0])
        self.awaited = awaited
        """Calls whose coroutine is awaited elsewhere."""
        self.mocks = None if default_settings is None else MockPlanner(coloring, module, self.file, self.range)
        self.awaited_names: dict[str, set[str]] = defaultdict(set)
        self.readied: set[ast.expr] = set()
        """Calls whose results are awaited where that is what they are."""
        self.helpers = "" if self._helpers_are_free() else "supplied."
        self.closures: dict[str, set[str]] = {}
        self.hints: dict[ast.expr, str] = {}
        """What a lambda may be called, by where it stands."""
        self.hoisted: set[str] = set()
        """Names of the definitions that are put before the statement at hand."""

    def _helpers_are_free(self) -> bool:
        """Whether ``bind`` and ``ready`` are the helpers' names in this file, or nobody's."""
        imported = {name for name in ("bind", "ready") if self._is_helper(name)}
        return not ({"bind", "ready"} - imported) & all_bound_names(self.module.tree)

    def _is_helper(self, name: str) -> bool:
        target = resolve_dotted(self.coloring.program, self.module, name)
        return target is not None and (target.module, target.name) == (SUPPLIED, name)

    def plan(self) -> FilePlan:
        if self.module.path in self.final:
            return self.file
        scope = self.coloring.flow.scope_of[self.module.tree]
        self._body(self.module.tree.body, _Env(self.default, scope))
        return self.file

    # -- places ---------------------------------------------------------------------------------------------------

    def range(self, node: ast.expr) -> Range:
        line, column = self.module.position(node)
        end_line, end_column = node.end_lineno, node.end_col_offset
        assert end_line is not None and end_column is not None
        if not self.module.ascii_only:
            end_column = len(self.module.lines[end_line - 1].encode()[:end_column].decode())
        return line, column, end_line, end_column

    def _finding(self, rule: str, node: Placed, message: str) -> None:
        self.file.findings.append(Finding(rule, self.module.path, self.module.position(node)[0], message))

    # -- walk -----------------------------------------------------------------------------------------------------

    def _body(self, statements: list[ast.stmt], env: _Env) -> None:
        for statement in statements:
            self._visit(statement, env)

    def _visit(self, node: ast.AST, env: _Env) -> None:
        if isinstance(node, ast.stmt):
            self.hoisted.clear()
            env = replace(env, hoistable=isinstance(node, _SIMPLE), evaluated=True)
        elif isinstance(node, _COMPREHENSIONS):
            # It has names of its own, which a definition before the statement would not see.
            env = replace(env, hoistable=False)
        elif isinstance(node, _CONDITIONAL):
            env = replace(env, evaluated=False)
        method = getattr(self, f"_visit_{type(node).__name__}", None)
        if method is not None:
            method(node, env)
        else:
            self._children(node, env)

    def _children(self, node: ast.AST, env: _Env) -> None:
        for child in ast.iter_child_nodes(node):
            self._visit(child, env)

    # -- definitions ----------------------------------------------------------------------------------------------

    def _visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef, env: _Env) -> None:
        function = self.coloring.program.function_of[node]
        if function.is_in(self.final):
            return
        for outer in [*node.decorator_list, *node.args.defaults, *(d for d in node.args.kw_defaults if d)]:
            self._visit(outer, env)
        plan = self._function_plan(function)
        if plan is not None:
            self.file.functions[function.position] = plan
        self._wrapped(function)
        self._body(node.body, self._inside(function, env))

    _visit_AsyncFunctionDef = _visit_FunctionDef

    def _visit_Lambda(self, node: ast.Lambda, env: _Env) -> None:
        function = self.coloring.program.function_of[node]
        defaults = [*node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)]
        if env.hoistable and (env.evaluated or not defaults) and function.position not in self.file.functions:
            self._hoist(node, self.hints.get(node, "awaited"))
        for default in defaults:
            self._visit(default, env)
        if self.coloring.is_coroutine(function) and function.position not in self.file.functions:
            self._finding(
                "lambda",
                node,
                f"a lambda must wait, and stands where it cannot be made a coroutine function: {ast.unparse(node)}",
            )
        self._visit(node.body, self._inside(function, env))

    def _wrapped(self, function: FunctionInfo) -> None:
        """What stands around a coroutine function and does not know that it is one."""
        if not self.coloring.is_coroutine(function):
            return
        for name in caches(self.coloring, function):
            self._finding("wall-coroutine", function.node, f"{name} keeps a coroutine of {function.symbol}")
        for name in foreign_decorators(self.coloring, function):
            self._finding("handed-out", function.node, f"@{name} is handed the coroutine function {function.symbol}")

    def _inside(self, function: FunctionInfo, env: _Env) -> _Env:
        has = self._has_own_settings(function)
        settings = self.coloring.settings_name(function) if has else self.default
        if settings is self.default and function.parent is not None:
            settings = env.settings
        clash = holds_something_else(self.coloring.flow, function)
        return _Env(settings, self.coloring.flow.scope_of[function.node], held=env.held, clash=clash)

    def _has_own_settings(self, function: FunctionInfo) -> bool:
        return self.coloring.takes_settings(function) or self._has_settings_name(function)

    def _has_settings_name(self, function: FunctionInfo) -> bool:
        """Whether a function has settings under a name in the source."""
        if self.file.own_package:
            arguments = {argument.arg for argument in function.arguments}
            return SETTINGS in arguments or binds_settings(self.coloring.flow, function)
        return own_settings_name(self.coloring.flow, function) is not None

    def _function_plan(self, function: FunctionInfo) -> FunctionPlan | None:
        coroutine = self.coloring.is_coroutine(function)
        takes = self.coloring.takes_settings(function)
        has = self._has_settings_parameter(function)
        plan = FunctionPlan(
            make_async=coroutine and not function.is_async,
            settings=takes and not has,
            receiver=function.has_receiver,
            before=self.coloring.settings_before.get(function.symbol, ()),
            settings_name=self.coloring.settings_name(function),
        )
        # Who is handed settings before other parameters is handed them by name.
        plan.positional_only = function.node.args.kwarg is not None and not plan.before
        plan.checked = self.file.own_package and plan.settings and not plan.before and self._is_checked(function)
        plan.async_contextmanager = coroutine and "contextmanager" in {d.split(".")[-1] for d in function.decorators}
        if plan.make_async and function.is_generator:
            plan.iterator_module = self._iterator_module(function)
        if plan.make_async and self.suite is not None:
            self._plan_test(function, self.suite)
            plan.name = asynchronous_name(self.coloring.program, function)
        return plan if plan.make_async or plan.settings else None

    def _has_settings_parameter(self, function: FunctionInfo) -> bool:
        arguments = {argument.arg for argument in function.arguments}
        return self.coloring.settings_name(function) in arguments

    def _plan_test(self, function: FunctionInfo, suite: Suite) -> None:
        """What pytest has to know of a test, or of a fixture, that becomes a coroutine function."""
        marker, fixture = suite.marker(function), suite.fixture(function)
        if marker is not None:
            self.file.markers[function.position] = marker
        elif fixture is not None:
            self.file.fixtures[self.range(fixture)] = FIXTURE

    def _iterator_module(self, function: FunctionInfo) -> str | None:
        """Where the name of a generator's return annotation comes from, if it has an asynchronous like."""
        returns = None if isinstance(function.node, ast.Lambda) else function.node.returns
        name = dotted(returns.value) if isinstance(returns, ast.Subscript) else None
        target = resolve_dotted(self.coloring.program, function.module, name) if name is not None else None
        if target is None or not target.external or target.module not in _ITERATOR_MODULES:
            return None
        return target.module if target.name in ITERATORS else None

    def _is_checked(self, function: FunctionInfo) -> bool:
        """Public coroutines check that settings were given, unless a decorator does it for them."""
        parts = function.qualname.split(".")
        nested = function.parent is not None or (function.owner is not None and function.owner.scope is not None)
        private = nested or any(p.startswith("_") and p != "__call__" for p in parts)
        decorators = {resolve_dotted(self.coloring.program, function.module, d) for d in function.decorators}
        checking = {rule.symbol for rule in self.coloring.rules.decorator}
        by_decorator = any(t is not None and f"{t.module}:{t.name}" in checking for t in decorators)
        wrapped = function.is_contextmanager or function.is_generator or function.is_overload
        return self.coloring.is_coroutine(function) and not private and not by_decorator and not wrapped

    def _visit_ClassDef(self, node: ast.ClassDef, env: _Env) -> None:
        for outer in [*node.decorator_list, *node.bases, *node.keywords]:
            self._visit(outer, env)
        if self.suite is not None:
            self._plan_case(self.coloring.program.class_of[node])
        self._body(node.body, _Env(env.settings, self.coloring.flow.scope_of[node], held=env.held))

    def _plan_case(self, cls: ClassInfo) -> None:
        """Tests of `unittest` that wait are run by a class that awaits them."""
        program = self.coloring.program
        base = plain_case(program, cls)
        methods = [method for each in (cls, *cls.descendants()) for method in each.methods.values()]
        if base is None or not any(self.coloring.is_coloured(m) and is_run_by_a_case(program, m) for m in methods):
            return
        module = base.value if isinstance(base, ast.Attribute) else None
        if module is None:
            self.file.imports.add(("unittest", ISOLATED))
        elif ast.unparse(module).endswith("case"):
            self.file.imports.add(("unittest", None))
        self.file.renamed[self.range(base)] = ISOLATED if module is None else f"unittest.{ISOLATED}"

    # -- statements -----------------------------------------------------------------------------------------------

    def _visit_ImportFrom(self, node: ast.ImportFrom, env: _Env) -> None:
        """A parameter ``settings`` is what is handed on, not the process's object under the same name."""
        if env.function is None or SETTINGS not in {a.asname or a.name for a in node.names}:
            return
        taken = env.settings == SETTINGS
        has = taken and (self.coloring.takes_settings(env.function) or env.function.first_parameter == SETTINGS)
        if has and is_settings_object(self.coloring.flow, ast.Name(SETTINGS, ast.Load()), env.scope):
            self.file.shadowing.add(self.module.position(node))

    def _visit_Assign(self, node: ast.Assign, env: _Env) -> None:
        if self.mocks is not None:
            self.mocks.plan_assignment(node, env.scope)
        target = node.targets[0]
        if isinstance(node.value, ast.Lambda) and len(node.targets) == 1 and dotted(target) is not None:
            self._hoist(node.value, dotted(target), replaces=isinstance(target, ast.Name))
        self._children(node, env)
        if isinstance(node.value, ast.Call) and self._plan_of(node.value).awaited and env.function is not None:
            for target in node.targets:
                if isinstance(target, ast.Name):
                    self.awaited_names[env.function.symbol].add(target.id)

    def _visit_Dict(self, node: ast.Dict, env: _Env) -> None:
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                self._hint(value, key.value)
        self._children(node, env)

    def _hint(self, node: ast.expr, name: str) -> None:
        """Note what a lambda is called by what it stands in."""
        if name.isidentifier() and not iskeyword(name) and not hasattr(builtins, name):
            self.hints[node] = name

    def _hoist(self, node: ast.Lambda, target: str | None, *, replaces: bool = False) -> None:
        """Plan a definition for a lambda, under the variable's name where it ``replaces`` an assignment."""
        function = self.coloring.program.function_of[node]
        if not self.coloring.is_coroutine(function) or target is None:
            return
        name = target.split(".")[-1]
        plan = self._function_plan(function) or FunctionPlan()
        replaces = replaces and (function.parent is None or self._is_bound_once(name, function.parent))
        plan.hoist = name if replaces else self._fresh(name, function)
        plan.checked = False
        self.hoisted.add(plan.hoist)
        self.file.functions[function.position] = plan

    def _is_bound_once(self, name: str, function: FunctionInfo) -> bool:
        """Whether a program's function binds a variable at one place only."""
        if self.file.own_package or name in {a.arg for a in function.arguments} or name not in function.locals:
            return False
        stores = [n for n in iter_own(function.node) if isinstance(n, ast.Name) and n.id == name]
        return sum(not isinstance(n.ctx, ast.Load) for n in stores) == 1

    def _fresh(self, name: str, function: FunctionInfo, *, inside: bool = False) -> str:
        """A name that nothing around ``function`` (or ``inside`` it) uses, nor another definition of the statement."""
        parent = function if inside else function.parent
        around = parent.node if parent is not None else self.module.tree
        taken = {n.id for n in walk(around) if isinstance(n, ast.Name)}
        taken |= {n.arg for n in walk(around) if isinstance(n, ast.arg)}
        taken |= {n.name for n in walk(around) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}
        while name in taken:
            name = f"call_{name}"
        candidate, number = name, 1
        while candidate in taken | self.hoisted:
            number += 1
            candidate = f"{name}_{number}"
        return candidate

    def _visit_With(self, node: ast.With | ast.AsyncWith, env: _Env) -> None:
        inner = env
        for item in node.items:
            self._visit(item.context_expr, inner)
            inner = self._with_item(node, item, inner)
            if item.optional_vars is not None:
                self._visit(item.optional_vars, inner)
        self._body(node.body, inner)

    _visit_AsyncWith = _visit_With

    def _with_item(self, node: ast.With | ast.AsyncWith, item: ast.withitem, env: _Env) -> _Env:
        entered = item.context_expr
        if makes_child(self.coloring, entered, env.scope):
            if isinstance(item.optional_vars, ast.Name):
                return replace(env, settings=item.optional_vars.id, depth=env.depth + 1)
            child = self._child_name(node, env)
            self.file.withs[self.range(entered)] = WithPlan(child=child)
            return replace(env, settings=child, depth=env.depth + 1, held=env.held | {child})
        scope_rule = self._scope_rule(entered, env)
        if scope_rule is not None:
            return self._scoped(node, item, scope_rule, env)
        if isinstance(node, ast.With) and self._enters_by_waiting(entered, env):
            self.file.withs[self.range(entered)] = WithPlan(asynchronous=True)
        return env

    def _enters_by_waiting(self, entered: ast.expr, env: _Env) -> bool:
        if enters_asynchronously(self.coloring, entered, env.scope):
            return True
        return self._can_await(env) and is_left_by_waiting(self.coloring, entered, env.scope)

    def _scope_rule(self, entered: ast.expr, env: _Env) -> ScopeRule | None:
        """The rule of a context manager of the library whose block has settings of its own."""
        site = self.sites.get(entered) if isinstance(entered, ast.Call) and self.default is not None else None
        symbols = {target.symbol for target in site.targets} if site is not None else set[str]()
        return next((rule for rule in self.coloring.rules.scope if rule.symbol in symbols), None)

    def _scoped(self, node: ast.With | ast.AsyncWith, item: ast.withitem, rule: ScopeRule, env: _Env) -> _Env:
        name = dotted(item.optional_vars) if item.optional_vars is not None else None
        if name is None:
            name = self._fresh_name(rule.name, env)
            self.file.withs[self.range(item.context_expr)] = WithPlan(child=name)
        return replace(env, settings=f"{name}.{rule.attribute}", depth=env.depth + 1)

    def _fresh_name(self, name: str, env: _Env) -> str:
        taken = {n.id for n in walk(env.scope.node) if isinstance(n, ast.Name)} | env.held
        while name in taken:
            name = f"{name}_"
        return name

    def _child_name(self, node: ast.AST, env: _Env) -> str:
        """A name that nothing else in the function uses; siblings share one unless a closure holds on to it."""
        taken = {n.id for n in walk(env.scope.node) if isinstance(n, ast.Name)} | self._captured(env)
        taken |= env.held | {n.arg for n in walk(env.scope.node) if isinstance(n, ast.arg)}
        number = env.depth + 1
        while True:
            name = _CHILD if number == 1 else f"{_CHILD}_{number}"
            if name not in taken:
                break
            number += 1
        if any(isinstance(n, ast.FunctionDef | ast.Lambda) for n in walk(node)) and env.function is not None:
            self.closures.setdefault(env.function.symbol, set()).add(name)
        return name

    def _captured(self, env: _Env) -> set[str]:
        return self.closures.get(env.function.symbol, set()) if env.function is not None else set()

    def _visit_For(self, node: ast.For, env: _Env) -> None:
        self._iteration(node.iter, env)
        self._children(node, env)

    def _visit_comprehension(self, node: ast.comprehension, env: _Env) -> None:
        if not node.is_async:
            self._iteration(node.iter, env)
        self._children(node, env)

    def _iteration(self, node: ast.expr, env: _Env) -> None:
        generators, others = asynchronous_generators(self.coloring, node, env.scope)
        if generators and others:
            self._finding("generator", node, f"{ast.unparse(node)} may be asynchronous or plain, and is looped over")
        elif generators:
            self.file.iterations.add(self.range(node))

    def _drawn(self, node: ast.expr, whole: ast.AST, env: _Env) -> None:
        """An asynchronous generator where only a plain one will do."""
        generators = asynchronous_generators(self.coloring, node, env.scope)[0]
        # Who hands out what is asynchronous in the source knows what it is handed to.
        if any(not generator.is_async for generator in generators):
            text = ast.unparse(whole)
            self._finding("generator", node, f"{ast.unparse(node)} is asynchronous, and here cannot be: {text}")

    def _visit_Starred(self, node: ast.Starred, env: _Env) -> None:
        self._drawn(node.value, node, env)
        self._children(node, env)

    def _visit_Compare(self, node: ast.Compare, env: _Env) -> None:
        for operator, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(operator, ast.In | ast.NotIn):
                self._drawn(right, node, env)
        self._children(node, env)

    def _visit_Yield(self, node: ast.Yield, env: _Env) -> None:
        """A context manager or fixture that yields inside of a block hands its settings out, or they are lost."""
        self._children(node, env)
        if self.file.own_package or not env.depth or env.function is None or env.settings is None:
            return
        fixture = any(d.split(".")[-1] == "fixture" for d in env.function.decorators)
        handed = node.value is not None and any(
            dotted(part) == env.settings for part in walk(node.value) if isinstance(part, ast.Name | ast.Attribute)
        )
        if (fixture or env.function.is_contextmanager) and not handed:
            text = f"what runs while {env.function.name} yields is not handed the settings of its block"
            self._finding("settings-context", node, text)

    def _visit_YieldFrom(self, node: ast.YieldFrom, env: _Env) -> None:
        self._children(node, env)
        if env.function is None or not self.coloring.is_coroutine(env.function):
            return
        generators, _ = self.coloring.flow.generators(node.value, env.scope)
        if any(generator.is_sent_values for generator in generators):
            self._finding("generator", node, f"what is sent to it does not reach {ast.unparse(node.value)}")
        self._iteration(node.value, env)
        self.file.delegations[self.range(node)] = self._fresh("item", env.function, inside=True)

    # -- expressions ----------------------------------------------------------------------------------------------

    def _visit_Await(self, node: ast.Await, env: _Env) -> None:
        self._visit(node.value, env)
        awaited = self.awaited_names[env.function.symbol] if env.function is not None else set[str]()
        if isinstance(node.value, ast.Name) and node.value.id in awaited:
            self.file.bare_awaits.add(self.range(node))

    def _visit_Attribute(self, node: ast.Attribute, env: _Env) -> None:
        if self.mocks is not None and self.mocks.plan_attribute(node, env.scope):
            return
        if changes_default(node, self.coloring.flow) and is_settings_object(self.coloring.flow, node.value, env.scope):
            return
        if not self._read(node, env):
            self._children(node, env)

    def _visit_Name(self, node: ast.Name, env: _Env) -> None:
        self._read(node, env)

    def _read(self, node: ast.Attribute | ast.Name, env: _Env) -> bool:
        if not isinstance(node.ctx, ast.Load):
            return False
        flow = self.coloring.flow
        is_object = is_settings_object(flow, node, env.scope)
        is_context = not is_object and context_alias(flow, node, env.scope)
        if not is_object and not is_context:
            return False
        if env.settings == self.default and (self.default is not None or env.function is None):
            return True
        if self._binds(env):
            return True
        if env.settings is None:
            self._finding("global-settings", node, f"reads {ast.unparse(node)} where no settings are in scope")
            return True
        text = f"{env.settings}.{self.coloring.rules.settings.context_method}" if is_context else env.settings
        if text != ast.unparse(node) or isinstance(node, ast.Name):
            self.file.reads[self.range(node)] = text
        return True

    def _binds(self, env: _Env) -> bool:
        """Whether a program's function has settings in a variable, which a read of the process's may fill."""
        bound = env.function is not None and binds_settings(self.coloring.flow, env.function)
        return bound and not self.file.own_package and env.settings == SETTINGS

    def _visit_Subscript(self, node: ast.Subscript, env: _Env) -> None:
        self._children(node, env)
        if self.mocks is not None:
            self.mocks.plan_subscript(node, env.scope)

    def _visit_GeneratorExp(self, node: ast.GeneratorExp, env: _Env) -> None:
        self._children(node, env)
        # One that waits in the source is asynchronous by its author's will.
        if not _waits_in_source(node) and self._is_asynchronous(node):
            self._finding(
                "generator", node, f"a generator expression must wait, and is consumed lazily: {ast.unparse(node)}"
            )

    def _visit_Call(self, node: ast.Call, env: _Env) -> None:
        self._visit(node.func, env)
        eager = (dotted(node.func) or _method_name(node.func)).split(".")[-1] in _EAGER_CONSUMERS
        if self._is_helper_call(node, "ready", env):
            # What a worker thread was given back may be a coroutine: `ready(await asyncio.to_thread(f))`.
            self.readied.update(a.value for a in node.args if isinstance(a, ast.Await))
        consumes = consumes_generators(self.coloring, node, env.scope)
        search = self._search(node, env)
        self._entered_otherwise(node, env)
        self._hint_replacement(node, env)
        for argument in [*node.args, *node.keywords]:
            if isinstance(argument, ast.keyword) and argument.arg is not None:
                self._hint(argument.value, argument.arg)
            self._handed_out(node, argument, env)
            value = argument.value if isinstance(argument, ast.keyword | ast.Starred) else argument
            if consumes and not isinstance(value, ast.GeneratorExp):
                self._drawn(value, node, env)
            if search is not None and argument is node.args[0]:
                self._children(argument, replace(env, hoistable=False))
            elif eager and isinstance(value, ast.GeneratorExp):
                self._children(value, replace(env, hoistable=False))
                if self._is_asynchronous(value):
                    self.file.to_list.add(self.range(value.elt))
            else:
                self._visit(argument, env)
        plan = self._call_plan(node, env)
        if search is not None and self._is_asynchronous(search):
            plan.search, plan.awaited = ast.unparse(node.func), node not in self.awaited
        if self.mocks is not None:
            self.mocks.plan_call(node, env.scope, plan)
        if plan != CallPlan():
            self.file.calls[self.range(node)] = plan

    def _hint_replacement(self, node: ast.Call, env: _Env) -> None:
        """A lambda that is put in the place of something is called as that is."""
        replacement = replacement_by_call(node)
        if replacement is not None and self.mocks is not None and isinstance(replacement.value, ast.Lambda):
            self._hint(replacement.value, self.mocks.new_name(replacement, env.scope) or replacement.attribute)

    def _search(self, node: ast.Call, env: _Env) -> ast.GeneratorExp | None:
        """The generator expression of which ``any``, ``all`` or ``next`` takes what it needs, where it may wait."""
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if len(node.args) != _SEARCHES.get(name, -1) or node.keywords or not self._can_await(env):
            return None
        builtin = not self.coloring.flow.functions(node.func, env.scope)
        first = node.args[0]
        return first if builtin and isinstance(first, ast.GeneratorExp) else None

    def _entered_otherwise(self, node: ast.Call, env: _Env) -> None:
        """What is entered by an ``ExitStack``, or by hand, has no block that a child or ``async`` could be put to."""
        if not isinstance(node.func, ast.Attribute) or node.func.attr not in ("enter_context", "__enter__"):
            return
        entered = node.args[0] if node.func.attr == "enter_context" and node.args else node.func.value
        text = ast.unparse(node)
        if makes_child(self.coloring, entered, env.scope) and node.func.attr == "enter_context":
            self._finding("settings-context", node, f"changes no settings, since nothing is handed on: {text}")
        elif enters_asynchronously(self.coloring, entered, env.scope):
            self._finding("settings-context", node, f"enters plainly what is asynchronous: {text}")

    def _handed_out(self, node: ast.Call, argument: ast.expr | ast.keyword, env: _Env) -> None:
        site = self.sites.get(node)
        if node in self.readied or (site is not None and site.relay is not None and self._can_await(env)):
            return
        for function in handed_out(self.coloring, node, argument, env.scope):
            text = f"{ast.unparse(node.func)}(...) is handed the coroutine function {function.symbol}"
            self._finding("handed-out", node, text)

    def _plan_of(self, node: ast.Call) -> CallPlan:
        return self.file.calls.get(self.range(node), CallPlan())

    def _is_asynchronous(self, node: ast.GeneratorExp) -> bool:
        """Whether a generator expression waits; the iterable of its first ``for`` is evaluated before it is made."""
        first, *others = node.generators
        parts = [node.elt, *first.ifs, *others]
        loops = any(c.is_async or self.range(c.iter) in self.file.iterations for c in node.generators)
        return loops or any(self._waits_inside(part) for part in parts)

    def _waits_inside(self, node: ast.AST) -> bool:
        for child in walk(node):
            if isinstance(child, ast.Await) or (isinstance(child, ast.Call) and self._plan_of(child).awaited):
                return True
        return False

    def _call_plan(self, node: ast.Call, env: _Env) -> CallPlan:
        site = self.sites.get(node)
        plan = CallPlan()
        waits = env.function is not None and self.coloring.is_coloured(env.function) and self._can_await(env)
        if waits and is_bridge(self.coloring.flow, node, env.scope):
            return CallPlan(bridge=True, awaited=node not in self.awaited)
        if site is None or site.plain or self._is_helper_call(node.func, "bind", env):
            return plan
        if makes_partial(self.coloring.flow, node, env.scope):
            self._partial(node, env, plan)
            return plan
        coroutine = self._waited_for(site, env)
        takes = [t for t in site.targets if self.coloring.takes_settings(t)]
        if site.relay is not None:
            self._relayed(node, env, plan, site)
        elif site.made:
            self._made(node, env, plan)
        elif site.supplied:
            self._supplied(node, env, plan)
        elif coroutine or takes:
            self._coloured(node, env, plan, coroutine, takes)
        else:
            self._blocking(node, env, plan)
        return plan

    def _waited_for(self, site: CallSite, env: _Env) -> list[FunctionInfo]:
        """The coroutine functions that a call may reach.

        Of a program's own that are apart from the library its author has decided where they are awaited; what becomes
        a coroutine function has to await them in place of who called it.
        """
        becomes = env.function is not None and not env.function.is_async and self.coloring.is_coloured(env.function)
        return [t for t in site.targets if self.coloring.is_coroutine(t) and (becomes or not self.coloring.is_apart(t))]

    def _is_helper_call(self, node: ast.expr, name: str, env: _Env) -> bool:
        """Whether ``node`` is ``bind(...)`` or ``ready(...)``, as in patched code."""
        if not isinstance(node, ast.Call):
            return False
        return any(f.symbol == f"{SUPPLIED}:{name}" for f in self.coloring.flow.functions(node.func, env.scope))

    def _relayed(self, node: ast.Call, env: _Env, plan: CallPlan, site: CallSite) -> None:
        coroutine = [t for t in site.targets if self.coloring.is_coroutine(t)]
        if not coroutine or site.relay is None or not self._can_await(env):
            return
        plan.relay = site.relay
        plan.awaited = node not in self.awaited
        if any(self.coloring.takes_settings(t) for t in site.targets):
            plan.settings, plan.index = self._settings_here(node, env), site.relay + 1

    def _made(self, node: ast.Call, env: _Env, plan: CallPlan) -> None:
        makers = self.coloring.flow.values(node.func, env.scope)
        if any(isinstance(v, Made) and v.settings for v in makers) and not self._has_settings(node, env, 0):
            plan.settings = self._settings_here(node, env)
        if node not in self.awaited:
            self._await_here(node, env, plan)

    def _supplied(self, node: ast.Call, env: _Env, plan: CallPlan) -> None:
        if env.function is None or not self._can_await(env):
            self._finding(
                "wall-coroutine",
                node,
                f"{ast.unparse(node.func)}(...) is the user's and may have to be awaited, here it cannot",
            )
            return
        plan.bind = self._settings_here(node, env)
        plan.helpers = self.helpers
        plan.awaited = plan.bind is not None and node not in self.awaited

    def _coloured(
        self, node: ast.Call, env: _Env, plan: CallPlan, coroutine: list[FunctionInfo], takes: list[FunctionInfo]
    ) -> None:
        before = self.coloring.settings_before.get(takes[0].symbol, ()) if takes else ()
        index = _index_of(before, takes[0]) if before else self._settings_index(node, env, takes)
        waits = any(not t.is_generator for t in coroutine) and node not in self.awaited
        if waits and not self._can_await(env):
            self._await_here(node, env, plan)
            if not self.file.own_package:
                # In a user's code it stays as it is written: half of it would only look done.
                return
        if takes and not self._is_given(node) and not self._has_settings(node, env, index):
            plan.settings = self._settings_here(node, env)
            plan.index, plan.before = index, before
        if takes and env.clash and env.settings == SETTINGS:
            self._finding("settings-name", node, f"`settings` is something else at {ast.unparse(node)}")
        plan.awaited = waits and self._can_await(env)
        self._renamed(node, takes or coroutine)

    def _is_given(self, node: ast.Call) -> bool:
        """Whether settings are among what is handed over already, by a partial or a wrapper's ``*args``."""
        return self.sites[node].given or self.sites[node].hands_on

    def _renamed(self, node: ast.Call, targets: list[FunctionInfo]) -> None:
        """A method that is called by another name now is, wherever it is called."""
        names = {asynchronous_name(self.coloring.program, target) for target in targets if not target.is_async}
        name = names.pop() if len(names) == 1 else None
        if self.suite is not None and name is not None and isinstance(node.func, ast.Attribute):
            self.file.renamed[self.range(node.func)] = f"{ast.unparse(node.func.value)}.{name}"

    def _await_here(self, node: ast.Call, env: _Env, plan: CallPlan) -> None:
        plan.awaited = self._can_await(env)
        if not plan.awaited and not self._is_said(node):
            message = f"{ast.unparse(node.func)}(...) is a coroutine, and cannot be awaited here"
            self._finding("wall-coroutine", node, message)

    def _is_said(self, node: ast.Call) -> bool:
        """Whether somebody is told already why nothing can wait in this line of a program."""
        if self.file.own_package:
            return False
        told = [*self.coloring.findings, *self.file.findings]
        place = self.module.path, self.module.position(node)[0]
        return any((f.path, f.line) == place and f.rule in ("wall-coroutine", "lambda") for f in told)

    def _partial(self, node: ast.Call, env: _Env, plan: CallPlan) -> None:
        """Settings come before the positional arguments that a ``functools.partial`` holds."""
        functions = self.coloring.flow.functions(node.args[0], env.scope)
        if any(self.coloring.takes_settings(f) for f in functions) and not self._has_settings(node, env, 1):
            plan.settings = self._settings_here(node, env)
            plan.index = 1

    def _settings_here(self, node: ast.Call, env: _Env) -> str | None:
        if env.settings is None:
            self._finding(
                "global-settings", node, f"calls {ast.unparse(node.func)}(...) where no settings are in scope"
            )
        return env.settings

    def _can_await(self, env: _Env) -> bool:
        if env.function is None:
            return self.default is not None and not env.scope.class_scope
        hoisted = not env.function.is_lambda or env.function.position in self.file.functions
        return self.coloring.is_coroutine(env.function) and hoisted

    def _has_settings(self, node: ast.Call, env: _Env, index: int) -> bool:
        """Whether a call hands settings on already, by name or as the positional argument of that index."""
        settings = Instance(self.coloring.rules.settings.class_symbol)
        if any(
            k.arg == "settings" and settings in self.coloring.flow.values(k.value, env.scope) for k in node.keywords
        ):
            return True
        if len(node.args) <= index or any(isinstance(a, ast.Starred) for a in node.args[: index + 1]):
            return False
        first = node.args[index]
        if isinstance(first, ast.Name | ast.Attribute) and dotted(first) == env.settings:
            return True
        return settings in self.coloring.flow.values(first, env.scope)

    def _settings_index(self, node: ast.Call, env: _Env, targets: list[FunctionInfo]) -> int:
        """After an explicit ``self``: of a method that is called through its class, or of a function like one."""
        if targets and targets[0].has_receiver and not targets[0].is_method:
            return 1 if isinstance(node.func, ast.Name) or _hands_self(node) else 0
        if not isinstance(node.func, ast.Attribute) or not any(
            t.is_method and not t.is_classmethod for t in targets[:1]
        ):
            return 0
        bases = self.coloring.flow.values(node.func.value, env.scope)
        return 1 if bases and all(isinstance(base, ClassRef) for base in bases) else 0

    def _blocking(self, node: ast.Call, env: _Env, plan: CallPlan) -> None:
        if env.function is None or not self.coloring.is_coloured(env.function):
            return
        for rule in blocking_rules(self.coloring.flow, node, env.scope):
            self.coloring.matches[f"blocking:{rule.call}"] += 1
            plan.replacement, plan.to_thread, plan.awaited = rule.replacement, rule.to_thread, True


def _waits_in_source(node: ast.GeneratorExp) -> bool:
    first, *others = node.generators
    parts = [node.elt, *first.ifs, *others]
    waits = any(isinstance(child, ast.Await) for part in parts for child in walk(part))
    return waits or any(bool(loop.is_async) for loop in node.generators)


def _hands_self(node: ast.Call) -> bool:
    """Whether an object hands itself to a function that it keeps: ``self.function(self, ...)``."""
    return bool(node.args) and isinstance(node.args[0], ast.Name) and node.args[0].id == "self"


def _annotation(module: ModuleInfo, package: str) -> str | None:
    """What a program calls the class of settings, where it imports the package itself, for good and in every run."""
    for node in module.tree.body:
        for alias in node.names if isinstance(node, ast.Import) else ():
            if alias.name == package:
                return f"{alias.asname or package}.Settings"
            if alias.name.startswith(f"{package}.") and alias.asname is None:
                return f"{package}.Settings"
    return None


def _index_of(names: tuple[str, ...], function: FunctionInfo) -> int:
    """Where the first parameter of one of these names stands, ``self`` and settings aside."""
    parameters = [a.arg for a in function.arguments if a.arg != "settings"][1 if function.is_method else 0 :]
    return min((parameters.index(name) for name in names if name in parameters), default=len(parameters))


def _method_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else ""
