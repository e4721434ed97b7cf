"""Which values flow where: an inclusion-based, flow-insensitive points-to analysis over the program model.

It answers one question, ``values(expression, scope)``. It is a fixpoint, so the order of files or functions
does not matter. Names that stay unknown afterwards are seeded from the rule table and the fixpoint goes on.
"""

from __future__ import annotations

import ast
import builtins
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from codemods.program.build import dotted, iter_own
from codemods.program.model import ClassInfo, FunctionInfo, ModuleInfo, Program
from codemods.program.names import Target, local_imports, may_name_class, resolve_global
from codemods.program.narrowing import asked, narrowed_names
from codemods.program.settings_parameters import SETTINGS, SettingsParameters
from codemods.program.values import (
    NOTHING,
    OBJECT,
    ClassRef,
    Container,
    External,
    FunctionRef,
    Instance,
    Made,
    ModuleRef,
    Opaque,
    Plain,
    Stub,
    SuperRef,
    Supplied,
    Value,
    Values,
    Variable,
)
from codemods.rules import Rules
from codemods.syntax import walk

_CONTAINER_LIMIT = 40
"""How many containers a variable may hold before they are taken for one."""
_SAME_ELEMENTS = frozenset(
    {"list", "sorted", "reversed", "set", "tuple", "iter", "frozenset", "tqdm", "shuffle", "chain"}
)
_YIELD = ":yield"
"""How the site of a generator's container ends; before it stands the function's symbol."""
_STUB_MAKERS = frozenset(
    f"unittest.mock.{name}" for name in ("Mock", "MagicMock", "AsyncMock", "patch", "patch.object")
)
_OF_NOTEBOOKS = frozenset({"display", "get_ipython"})
"""Functions that a notebook's cells call without importing them."""
_SAME_VALUE = frozenset({"copy", "deepcopy", "cast", "next"})
_PICKLES = frozenset(
    f"{module}.{function}" for module in ("pickle", "cloudpickle", "dill") for function in ("dumps", "loads")
)
"""What was pickled stands for what it was."""
_EMPTY_CONTAINERS = frozenset(
    {
        "builtins.list", "builtins.dict", "builtins.set", "collections.defaultdict", "collections.OrderedDict",
        "collections.deque",
    }
)  # fmt: skip
_CONTAINER_SAME = frozenset({"values", "copy", "keys", "__iter__", "most_common", "union"})
_CONTAINER_ELEMENT = frozenset({"get", "pop", "setdefault", "popleft", "__getitem__"})
_CONTAINER_ADD = frozenset({"append", "add", "extend", "insert", "update", "setdefault", "appendleft"})


@dataclass(eq=False)
class Scope:
    """Code that runs with one set of local names: a function's body, or a module's or class's statements."""

    module: ModuleInfo
    function: FunctionInfo | None
    owner: ClassInfo | None
    node: ast.AST
    imports: dict[str, Target] = field(default_factory=dict[str, Target])
    nodes: list[ast.AST] = field(default_factory=list[ast.AST])
    calls: list[ast.Call] = field(default_factory=list[ast.Call])
    awaits: list[ast.Await] = field(default_factory=list[ast.Await])
    narrowed: dict[ast.Name, ast.expr] = field(default_factory=dict[ast.Name, ast.expr])
    """Uses of names that are of known classes, with the expression that names these."""

    @property
    def class_scope(self) -> bool:
        return isinstance(self.node, ast.ClassDef)


_Question = tuple[Value, str] | tuple[ast.expr, Scope]
"""An attribute of a value, or an annotation in a scope."""


class Flow:
    """The analysis. Call :meth:`solve` once, then ask :meth:`values`."""

    def __init__(self, program: Program, rules: Rules, base: Flow | None = None):
        self.program = program
        self.rules = rules
        self.base = base
        """The solved analysis of the library that the program uses: read, never added to."""
        self.settings_parameters = SettingsParameters(program, rules.settings.class_symbol, in_program=base is not None)
        self.points_to: dict[Variable, set[Value]] = {}
        self.handed_in: set[Variable] = set()
        """Variables of the library that the program puts things of its own into."""
        self.scopes = self._make_scopes()
        self.scope_of: dict[ast.AST, Scope] = dict(base.scope_of) if base is not None else {}
        self.scope_of.update((scope.node, scope) for scope in self.scopes)
        self.callable_rules = {
            (name, place): rule for rule in rules.callable for name in rule.names for place in rule.where
        }
        self.name_rules = {name: rule for rule in rules.name for name in rule.names}
        self.returns_receiver = {name: rule for rule in rules.returns_receiver for name in rule.names}
        self._received: set[ast.Call] = set()
        self.speaking = self._modules_that_speak()
        """Modules whose names are taken for what the rule table says they stand for."""
        self.rule_matches: dict[str, int] = defaultdict(int)
        self.wrapped: dict[str, tuple[ast.expr, Scope]] = dict(base.wrapped) if base is not None else {}
        self.fixtures = self._fixtures_by_name()
        self.makers = {rule.symbol: rule.settings for rule in rules.maker} if base is not None else {}
        self.stubs: dict[str, tuple[ast.Call, Scope]] = {}
        """Where each :class:`Stub` is made, by its site."""
        self.stub_attributes: dict[str, set[str]] = defaultdict(set)
        """Attributes that the program names of each, by its site."""
        self._stale: set[int] = set(range(len(self.scopes)))
        self._readers: dict[Variable | _Question, set[int | _Question]] = {}
        self._reader: int | _Question | None = None
        self._answers: dict[_Question, Values] = {}
        self._running: Scope | None = None
        """The scope that is gone through."""
        self._met: dict[ast.expr, Values] = {}
        """What its expressions held when they were met first, this time. What grows behind them comes with the next."""
        self._merged: dict[str, str] = {}
        self._handlers: dict[type[ast.expr], Callable[[Any, Scope], Values]] = {
            ast.Constant: self._constant,
            ast.JoinedStr: self._string,
            ast.Compare: self._bool,
            ast.Name: self._name_node,
            ast.Attribute: self._attribute,
            ast.Call: self._call,
            ast.Subscript: self._subscript,
            ast.List: self._display,
            ast.Tuple: self._display,
            ast.Set: self._display,
            ast.Dict: self._dict,
            ast.ListComp: self._comprehension,
            ast.SetComp: self._comprehension,
            ast.GeneratorExp: self._comprehension,
            ast.DictComp: self._comprehension,
            ast.Lambda: self._lambda,
            ast.BoolOp: self._union,
            ast.IfExp: self._if_expression,
            ast.Await: self._inner,
            ast.NamedExpr: self._inner,
            ast.Starred: self._inner,
            ast.BinOp: self._binary,
        }

    # -- set-up ---------------------------------------------------------------------------------------------------

    def _make_scopes(self) -> list[Scope]:
        scopes: list[Scope] = []
        for module in self.program.own_modules():
            scopes.append(Scope(module, None, None, module.tree))
        for cls in self.program.own_classes():
            scopes.append(Scope(cls.module, cls.scope, cls, cls.node))
        for function in self.program.own_functions():
            scopes.append(Scope(function.module, function, None, function.node, local_imports(self.program, function)))
        for scope in scopes:
            own = list(iter_own(scope.node))
            scope.nodes = [n for n in own if isinstance(n, _RELEVANT)]
            scope.calls = [n for n in own if isinstance(n, ast.Call)]
            scope.narrowed = narrowed_names(scope.node)
            scope.awaits = [n for n in own if isinstance(n, ast.Await)]
        return scopes

    def solve(self) -> None:
        """Run to the fixpoint, seed what is unknown from the rules, and run on."""
        for function in self.program.own_functions():
            self._seed_parameters(function)
        self._fixpoint()
        self._seed_unknown()
        while self._stale:
            self._fixpoint()
            self._seed_unknown()

    def _fixpoint(self) -> None:
        """Go through scopes until nothing changes; a scope is gone through again when something it read has grown."""
        while self._stale:
            stale, self._stale = sorted(self._stale), set()
            for index in stale:
                self._reader, self._running, self._met = index, self.scopes[index], {}
                self._scope(self.scopes[index])
        self._reader = self._running = None

    def _fixtures_by_name(self) -> dict[str, list[FunctionInfo]]:
        """Functions that a test runner hands over by name: those decorated as fixtures."""
        found: dict[str, list[FunctionInfo]] = defaultdict(list)
        for function in self.program.own_functions():
            if any(d.split(".")[-1] == "fixture" for d in function.decorators):
                found[function.name].append(function)
        return found

    def _bind_fixtures(self, function: FunctionInfo) -> None:
        """A test's or fixture's parameter holds what the fixture of its name returns or yields."""
        is_test = function.name.startswith("test_") and function.parent is None
        if not is_test and not any(d.split(".")[-1] == "fixture" for d in function.decorators):
            return
        for argument in function.arguments:
            candidates = self.fixtures.get(argument.arg, [])
            near = [f for f in candidates if f.module is function.module] or candidates
            for fixture in near:
                values = self.held(("Y" if fixture.is_generator else "R", fixture.symbol))
                self._add(("L", function.symbol, argument.arg), values)

    def _bind_patches(self, function: FunctionInfo) -> None:
        """Mocks that ``patch`` decorators hand over, the nearest first, where they are not told what to put there."""
        decorators = [] if isinstance(function.node, ast.Lambda) else function.node.decorator_list
        scope = self.outer_scope(function)
        parameters = [a.arg for a in function.arguments[1 if function.is_method else 0 :]]
        for decorator in reversed(decorators):
            if not isinstance(decorator, ast.Call) or not parameters:
                continue
            stubs = frozenset(v for v in self.values(decorator, scope) if isinstance(v, Stub))
            given = len(decorator.args) > (2 if (dotted(decorator.func) or "").endswith(".object") else 1)
            if stubs and not given and not any(k.arg == "new" for k in decorator.keywords):
                self._add(("L", function.symbol, parameters.pop(0)), stubs)

    def outer_scope(self, function: FunctionInfo) -> Scope:
        """The scope that a definition stands in."""
        if function.owner is not None:
            return self.scope_of[function.owner.node]
        return self.scope_of[function.parent.node if function.parent is not None else function.module.tree]

    def _scope(self, scope: Scope) -> None:
        if scope.function is not None and self.fixtures:
            self._bind_fixtures(scope.function)
        if scope.function is not None and self.base is not None:
            self._bind_patches(scope.function)
        for node in scope.nodes:
            self._statement(node, scope)
        for call in scope.calls:
            self._bind_call(call, scope)
        if isinstance(scope.node, ast.Lambda):
            assert scope.function is not None
            self._add(("R", scope.function.symbol), self.values(scope.node.body, scope))

    def _seed_parameters(self, function: FunctionInfo) -> None:
        scope = self.scope_of[function.node]
        for decorator in [] if isinstance(function.node, ast.Lambda) else function.node.decorator_list:
            if (
                isinstance(decorator, ast.Call)
                and (dotted(decorator.func) or "").split(".")[-1] == "wraps"
                and decorator.args
                and _is_wrapper(function, decorator.args[0])
            ):
                self.wrapped[function.symbol] = (decorator.args[0], scope)
        arguments = function.node.args
        named = [*function.arguments, *arguments.kwonlyargs]
        required = function.arguments[: len(function.arguments) - len(arguments.defaults)]
        if function.is_method and function.arguments:
            assert function.owner is not None
            first: Value = (
                ClassRef(function.owner.symbol) if function.is_classmethod else Instance(function.owner.symbol)
            )
            self._add(("L", function.symbol, function.arguments[0].arg), frozenset({first}))
            named = named[1:]
        for argument in named:
            annotated = self.annotation(argument.annotation, scope) if argument.annotation else NOTHING
            variable = ("L", function.symbol, argument.arg)
            named_here = scope.module.name in self.speaking
            rule = self.callable_rules.get((argument.arg, "parameter")) if named_here else None
            if rule is not None and not _is_known_type(annotated):
                self.rule_matches[f"callable:{rule.label}"] += 1
                self._add(
                    variable, frozenset({Supplied(argument.arg) if rule.kind == "supplied" else Plain(argument.arg)})
                )
            self._add(variable, annotated)
            if argument.arg == SETTINGS and self._may_be_settings(function, argument, argument in required):
                self._add(variable, frozenset({Instance(self.rules.settings.class_symbol)}))
        for star in (arguments.vararg, arguments.kwarg):
            if star is not None:
                self._add(("L", function.symbol, star.arg), frozenset({Container(f"{function.symbol}:{star.arg}")}))

    def _may_be_settings(self, function: FunctionInfo, argument: ast.arg, required: bool) -> bool:
        """Whether a parameter of that name is said to hold settings, or nothing is said and it is used like them."""
        if argument.annotation is None:
            return required and (self.base is None or self.settings_parameters.is_plain(function, argument))
        return may_name_class(self.program, function.module, argument.annotation, self.rules.settings.class_symbol)

    def _seed_unknown(self) -> None:
        """Give variables that are still unknown, and named in the rule table, what their name stands for."""
        for scope in self.scopes:
            if scope.module.name not in self.speaking:
                continue
            if scope.function is not None and not scope.class_scope:
                # A name that an import binds is what is imported, whatever it stands for elsewhere.
                for name in sorted(scope.function.locals - scope.imports.keys()):
                    self._seed(("L", scope.function.symbol, name), name)
            if scope.function is None and not scope.class_scope and self.base is not None:
                self._seed_globals(scope.module)
            for node in iter_own(scope.node):
                if (
                    isinstance(node, ast.Attribute)
                    and isinstance(node.ctx, ast.Load)
                    and not self.values(node, scope) - {Opaque()}
                ):
                    for base in self.values(node.value, scope):
                        if isinstance(base, Instance):
                            self._seed(("A", base.cls, node.attr), node.attr)

    def _modules_that_speak(self) -> frozenset[str]:
        """Modules in which a name may stand for DSPy's objects: of a program, those that import it, or import such."""
        own = {module.name for module in self.program.own_modules()}
        if self.base is None:
            return frozenset(own)
        imported: dict[str, set[str]] = {name: set(self.program.stars[name]) for name in own}
        for (module, _), (base, attribute) in self.program.imports.items():
            if module in own:
                imported[module] |= {base, f"{base}.{attribute}"}
        for scope in self.scopes:
            for target in scope.imports.values():
                imported[scope.module.name] |= {target.module, f"{target.module}.{target.name}"}
        roots = {name.split(".")[0] for name in self.program.modules if name not in own}
        found = {name for name, others in imported.items() if any(other.split(".")[0] in roots for other in others)}
        while True:
            more = {name for name, others in imported.items() if others & found} - found
            if not more:
                return frozenset(found)
            found |= more

    def _seed_globals(self, module: ModuleInfo) -> None:
        """Names of a program's module, and those that nothing at hand binds, where they stand for DSPy's objects."""
        named = {n.id for n in walk(module.tree) if isinstance(n, ast.Name) and n.id in self.name_rules}
        for name in sorted(named):
            target = resolve_global(self.program, module.name, name)
            if target is None or (not target.external and target.name == name and target.module == module.name):
                self._seed(("G", module.name, name), name)

    def _seed(self, variable: Variable, name: str) -> None:
        known = self.held(variable)
        if known - {Opaque()}:
            return
        place = "attribute" if variable[0] == "A" else "variable"
        if (name, place) in self.callable_rules:
            rule = self.callable_rules[name, place]
            self.rule_matches[f"callable:{rule.label}"] += 1
            self._add(variable, frozenset({Supplied(name) if rule.kind == "supplied" else Plain(name)}))
        elif name in self.name_rules and self.name_rules[name].type in self.program.classes:
            self.rule_matches[f"name:{self.name_rules[name].names[0]}"] += 1
            self._add(variable, frozenset({Instance(self.name_rules[name].type)}))

    # -- statements -----------------------------------------------------------------------------------------------

    def _add(self, variable: Variable, values: Values | set[Value]) -> None:
        variable = self._canonical(variable)
        if self.base is not None and not self.program.owns(variable[1]):
            values = {value for value in values if self.is_own(value)}
            if not values:
                return
            self.handed_in.add(variable)
        current = self.points_to.setdefault(variable, set())
        if values <= current:
            return
        if self._merged:
            values = {self._canonical_value(value) for value in values}
        if values <= current:
            return
        current |= values
        self._wake(variable)
        if len(current) > _CONTAINER_LIMIT:
            self._merge_containers(current)

    def held(self, variable: Variable) -> set[Value]:
        """What a variable holds, the library's included."""
        variable = self._canonical(variable)
        self._note(variable)
        own = self.points_to.get(variable)
        if self.base is None or (own is not None and variable not in self.handed_in):
            return own if own is not None else set()
        return self.base.held(variable) | own if own is not None else self.base.held(variable)

    # What an attribute or an annotation holds is asked for hundreds of times, and read off several variables each time.
    # Answers are kept until one of these grows; whoever asked has then read them, and is asked again.

    def _answered(self, question: _Question, work_out: Callable[[], Values]) -> Values:
        self._note(question)
        known = self._answers.get(question)
        if known is not None:
            return known
        asker, self._reader = self._reader, question
        try:
            answer = work_out()
        finally:
            self._reader = asker
        self._answers[question] = answer
        return answer

    def _note(self, read: Variable | _Question) -> None:
        if self._reader is not None:
            self._readers.setdefault(read, set()).add(self._reader)

    def _wake(self, grown: Variable | _Question) -> None:
        for reader in self._readers.get(grown, ()):
            if isinstance(reader, int):
                self._stale.add(reader)
            elif self._answers.pop(reader, None) is not None:
                self._wake(reader)

    def __getstate__(self) -> dict[str, object]:
        """Without what only the way to the fixpoint needs."""
        return {**self.__dict__, "_readers": {}, "_answers": {}, "_met": {}}

    def is_own(self, value: Value) -> bool:
        """Whether a value is the program's own, where what it uses is a library."""
        if isinstance(value, Instance | ClassRef):
            return self.program.owns(value.cls)
        if isinstance(value, Stub):
            return True
        return isinstance(value, FunctionRef) and self.program.owns(value.function)

    # Code that moves JSON about makes a container at every turn. Where one variable holds very many, they are taken for
    # one: what any of them holds, all hold. That loses nothing, and keeps the analysis linear.

    def _merge_containers(self, current: set[Value]) -> None:
        found = {value.site for value in current if isinstance(value, Container)}
        sites = sorted(site for site in found if not site.endswith(_YIELD))
        if len(sites) <= _CONTAINER_LIMIT:
            return
        root = sites[0]
        gone = {site for site in sites[1:] if site != root}
        current -= {Container(site) for site in gone}
        current.add(Container(root))
        for site in gone:
            self._merged[site] = root
        for variable in [v for v in self.points_to if v[0] in ("E", "T") and v[1] in gone]:
            held = self.points_to.pop(variable, None)
            if held is None:
                continue  # What was added before has led to another merge, which took it along.
            self._wake(variable)
            self._add((variable[0], root, *variable[2:]), held)

    def _canonical_site(self, site: str) -> str:
        while site in self._merged:
            site = self._merged[site]
        return site

    def _canonical(self, variable: Variable) -> Variable:
        if self._merged and variable[0] in ("E", "T") and variable[1] in self._merged:
            return variable[0], self._canonical_site(variable[1]), *variable[2:]
        return variable

    def _canonical_value(self, value: Value) -> Value:
        if isinstance(value, Container) and value.site in self._merged:
            return Container(self._canonical_site(value.site))
        return value

    def _statement(self, node: ast.AST, scope: Scope) -> None:
        if isinstance(node, ast.Assign):
            values = self.values(node.value, scope)
            for target in node.targets:
                self._bind(target, values, scope)
        elif isinstance(node, ast.AnnAssign):
            values = self.annotation(node.annotation, scope)
            if node.value is not None:
                values |= self.values(node.value, scope)
            self._bind(node.target, values, scope)
        elif isinstance(node, ast.NamedExpr | ast.AugAssign):
            self._bind(node.target, self.values(node.value, scope), scope)
        elif isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
            self._bind(node.target, self.elements(self.values(node.iter, scope)), scope)
        elif isinstance(node, ast.withitem):
            if node.optional_vars is not None:
                self._bind(node.optional_vars, self._entered(self.values(node.context_expr, scope)), scope)
        elif isinstance(node, ast.Return):
            if node.value is not None and scope.function is not None:
                self._add(("R", scope.function.symbol), self.values(node.value, scope))
        elif isinstance(node, ast.Yield):
            if node.value is not None and scope.function is not None:
                self._add(("Y", scope.function.symbol), self.values(node.value, scope))
        elif isinstance(node, ast.YieldFrom):
            if scope.function is not None:
                self._add(("Y", scope.function.symbol), self.elements(self.values(node.value, scope)))
        elif isinstance(node, ast.MatchAs):
            classes = self._classes(node.pattern.cls, scope) if isinstance(node.pattern, ast.MatchClass) else None
            if node.name is not None and classes is not None:
                self._add(self._variable(node.name, scope), {Instance(cls.symbol) for cls in classes})
        elif isinstance(node, ast.ExceptHandler):
            if node.name:
                self._add(self._variable(node.name, scope), frozenset({OBJECT}))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            self._bind_definition(node, scope)
        elif isinstance(node, ast.ClassDef):
            self._add(self._variable(node.name, scope), frozenset({ClassRef(self.program.class_of[node].symbol)}))

    def _bind_definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> None:
        if self.base is not None and node.decorator_list:
            self._bind_decorated(node, scope)
        if not scope.class_scope:
            self._add(self._variable(node.name, scope), self.function_value(self.program.function_of[node]))

    def _bind_decorated(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> None:
        """A decorator of the program's own is handed what it stands above."""
        decorated = frozenset({FunctionRef(self.program.function_of[node].symbol)})
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Call) and any(
                isinstance(value, External) for value in self.values(decorator.func, scope)
            ):
                continue  # `functools.wraps(f)` gives what stands for f, and does not call it.
            for value in self.values(decorator, scope):
                if isinstance(value, FunctionRef) and not value.bound and self.program.owns(value.function):
                    for parameter in self.program.functions[value.function].arguments[:1]:
                        self._add(("L", value.function, parameter.arg), decorated)

    def function_value(self, function: FunctionInfo, bound: bool = False) -> Values:
        """A reference to a function; a wrapper made with ``functools.wraps`` stands for what it wraps."""
        wrapped = self.wrapped.get(function.symbol)
        if wrapped is not None:
            expression, scope = wrapped
            if isinstance(expression, ast.Name):
                return self._name(expression.id, scope) - {FunctionRef(function.symbol)}
        return frozenset({FunctionRef(function.symbol, bound)})

    def _definitions(self, function: FunctionInfo, bound: bool = False) -> Values:
        """References to a function, and to its further definitions under the same name."""
        every = [function, *self.program.further.get(function.symbol, ())]
        return frozenset(value for each in every for value in self.function_value(each, bound))

    def _bind(self, target: ast.expr, values: Values, scope: Scope) -> None:
        if isinstance(target, ast.Name):
            self._add(self._variable(target.id, scope), values)
        elif isinstance(target, ast.Attribute):
            for base in self.values(target.value, scope):
                if isinstance(base, Instance | ClassRef):
                    self._add(("A", base.cls, target.attr), values)
                    self._bind_receiver(base, values)
                elif isinstance(base, Stub):
                    self._add(("S", base.site, target.attr), values)
        elif isinstance(target, ast.Subscript):
            for base in self.values(target.value, scope):
                if isinstance(base, Container):
                    self._add(("E", base.site), values)
        elif isinstance(target, ast.Starred):
            self._bind(target.value, values, scope)
        elif isinstance(target, ast.Tuple | ast.List):
            for index, element in enumerate(target.elts):
                rest = isinstance(element, ast.Starred)
                self._bind(element, self._rest(element, values, scope) if rest else self._item(values, index), scope)

    def _rest(self, target: ast.expr, values: Values, scope: Scope) -> Values:
        """The list that ``*rest`` is bound to."""
        site = f"{scope.module.path}:{target.lineno}:{target.col_offset}:rest"
        self._add(("E", site), self.elements(values))
        return frozenset({Container(site)})

    def _variable(self, name: str, scope: Scope) -> Variable:
        if scope.class_scope:
            assert scope.owner is not None
            return ("A", scope.owner.symbol, name)
        function = scope.function
        while function is not None:
            if name in function.locals:
                return ("L", function.symbol, name)
            function = function.parent
        return ("G", scope.module.name, name)

    def _entered(self, values: Values) -> Values:
        """What ``with value as x`` binds."""
        found: set[Value] = set()
        for value in values:
            if isinstance(value, Instance):
                cls = self.program.classes[value.cls]
                method = cls.find_method("__enter__") or cls.find_method("__aenter__")
                found |= self.held(("R", method.symbol)) if method else {value}
            elif isinstance(value, Container):
                found |= self.elements(frozenset({value}))
            else:
                found.add(value)
        return frozenset(found)

    # -- calls ----------------------------------------------------------------------------------------------------

    def _bind_call(self, call: ast.Call, scope: Scope) -> None:
        if isinstance(call.func, ast.Attribute) and call.func.attr in _CONTAINER_ADD:
            self._bind_container_call(call, call.func, scope)
        self._bind_set_attribute(call, scope)
        for value in self.values(call.func, scope):
            if isinstance(value, External) and value.name == "functools.partial" and call.args:
                for made in self._given(self.values(call.args[0], scope)):
                    if isinstance(made, FunctionRef):
                        self._bind_function(made, call, scope, call.args[1:])
            elif isinstance(value, FunctionRef):
                # What comes behind the arguments that a partial holds is not told apart.
                self._bind_function(value, call, scope, [] if value.given else call.args)
            elif isinstance(value, ClassRef):
                constructor = self.program.classes[value.cls].find_method("__init__")
                if constructor is not None:
                    self._bind_arguments(constructor, call, scope, call.args, skip_first=True)
                self._bind_fields(value.cls, call, scope)
            elif isinstance(value, Instance):
                method = self.program.classes[value.cls].find_method("__call__")
                if method is not None:
                    self._bind_arguments(method, call, scope, call.args, skip_first=True)

    def _bind_function(self, value: FunctionRef, call: ast.Call, scope: Scope, arguments: list[ast.expr]) -> None:
        function = self.program.functions[value.function]
        self._bind_arguments(function, call, scope, arguments, skip_first=value.bound and function.is_method)

    def _bind_set_attribute(self, call: ast.Call, scope: Scope) -> None:
        """``setattr(C, "f", g)``, ``monkeypatch.setattr(...)`` and ``patch.object(...)``: who the object is."""
        last = (dotted(call.func) or "").split(".")[-1]
        if last not in ("setattr", "object") or len(call.args) < 3:
            return
        for base in self.values(call.args[0], scope):
            self._bind_receiver(base, self.values(call.args[2], scope))

    def _bind_receiver(self, base: Value, values: Values) -> None:
        """A function that is put into a class is handed its objects."""
        for value in values if isinstance(base, ClassRef) else ():
            function = self.program.functions[value.function] if isinstance(value, FunctionRef) else None
            if function is not None and function.has_receiver and not function.is_method:
                assert isinstance(base, ClassRef)
                self._add(("L", function.symbol, function.arguments[0].arg), frozenset({Instance(base.cls)}))

    def _bind_method(self, functions: Values, objects: Values) -> None:
        """``MethodType(f, x)`` hands ``x`` to ``f`` first."""
        for value in functions:
            function = self.program.functions[value.function] if isinstance(value, FunctionRef) else None
            if function is not None and function.arguments:
                self._add(("L", function.symbol, function.arguments[0].arg), objects)

    def _bind_container_call(self, call: ast.Call, function: ast.Attribute, scope: Scope) -> None:
        for base in self.values(function.value, scope):
            if isinstance(base, Container):
                for argument in call.args:
                    values = self.values(argument, scope)
                    extends = function.attr in ("extend", "update")
                    self._add(("E", base.site), self.elements(values) if extends else values)

    def _bind_fields(self, symbol: str, call: ast.Call, scope: Scope) -> None:
        """Keyword arguments of a class without ``__init__`` (pydantic models, dataclasses) fill its fields."""
        cls = self.program.classes[symbol]
        if cls.find_method("__init__") is None and cls.annotations:
            for keyword in call.keywords:
                if keyword.arg in cls.annotations:
                    self._add(("A", symbol, keyword.arg), self.values(keyword.value, scope))

    def _bind_arguments(
        self, function: FunctionInfo, call: ast.Call, scope: Scope, arguments: list[ast.expr], *, skip_first: bool
    ) -> None:
        parameters = [a.arg for a in function.arguments]
        if skip_first:
            parameters = parameters[1:]
        handed = bool(arguments) and self._is_settings(arguments[0], scope)
        name = self.settings_parameters.name(function)
        takes = name is not None and parameters[:1] == [name]
        if takes and arguments and not handed:
            parameters = parameters[1:]
        elif not takes and handed:
            arguments = arguments[1:]
        keyword_only = {a.arg for a in function.node.args.kwonlyargs} | set(parameters)
        for index, argument in enumerate(arguments):
            if isinstance(argument, ast.Starred):
                break
            values = self.values(argument, scope)
            if index < len(parameters):
                self._add(("L", function.symbol, parameters[index]), values)
            elif function.node.args.vararg is not None:
                self._add(("E", f"{function.symbol}:{function.node.args.vararg.arg}"), values)
        for keyword in call.keywords:
            if keyword.arg is None:
                continue
            values = self.values(keyword.value, scope)
            if keyword.arg in keyword_only:
                self._add(("L", function.symbol, keyword.arg), values)
            elif function.node.args.kwarg is not None:
                self._add(("E", f"{function.symbol}:{function.node.args.kwarg.arg}"), values)

    def _is_settings(self, node: ast.expr, scope: Scope) -> bool:
        return Instance(self.rules.settings.class_symbol) in self.values(node, scope)

    # -- expressions ----------------------------------------------------------------------------------------------

    def values(self, node: ast.expr, scope: Scope) -> Values:
        """What ``node`` may hold in ``scope``; empty where nothing is known."""
        handler = self._handlers.get(type(node))
        if handler is None:
            return NOTHING
        if scope is not self._running or not isinstance(self._reader, int):
            return handler(node, scope)
        known = self._met.get(node)
        if known is None:
            known = self._met[node] = handler(node, scope)
        return known

    def _constant(self, node: ast.Constant, scope: Scope) -> Values:
        return NOTHING if node.value is None else frozenset({OBJECT})

    def _string(self, node: ast.expr, scope: Scope) -> Values:
        return frozenset({OBJECT})

    def _bool(self, node: ast.expr, scope: Scope) -> Values:
        return frozenset({OBJECT})

    def _name_node(self, node: ast.Name, scope: Scope) -> Values:
        values = self._name(node.id, scope)
        asked = scope.narrowed.get(node)
        return values if asked is None else self._narrowed(values, self._classes(asked, scope))

    def _narrowed(self, values: Values, classes: list[ClassInfo] | None) -> Values:
        """Of what a name holds, that which is of one of the classes; one of each where it holds none."""
        if classes is None:
            return values
        instances = [v for v in values if isinstance(v, Instance)]
        kept = frozenset(v for v in instances if set(self.program.classes[v.cls].mro()) & set(classes))
        return kept or frozenset(Instance(cls.symbol) for cls in classes)

    def _classes(self, node: ast.expr, scope: Scope) -> list[ClassInfo] | None:
        """The classes that the second argument of ``isinstance`` names; None if not all are of the program."""
        if isinstance(node, ast.Tuple):
            parts = node.elts
        elif isinstance(node, ast.BinOp):
            parts = [node.left, node.right]
        else:
            values = self.values(node, scope)
            found = [self.program.classes[v.cls] for v in values if isinstance(v, ClassRef)]
            return found if found and len(found) == len(values) else None
        each = [self._classes(part, scope) for part in parts]
        known = [classes for classes in each if classes is not None]
        return [cls for classes in known for cls in classes] if len(known) == len(each) else None

    def _name(self, name: str, scope: Scope) -> Values:
        if scope.class_scope and scope.owner is not None:
            held = self.held(("A", scope.owner.symbol, name))
            if held:
                return frozenset(held)
            if name in scope.owner.methods:
                return frozenset({FunctionRef(scope.owner.methods[name].symbol)})
        function = scope.function
        while function is not None:
            if name in function.locals:
                return self._local(name, function)
            function = function.parent
        return self.global_values(scope.module.name, name)

    def _local(self, name: str, function: FunctionInfo) -> Values:
        scope = self.scope_of[function.node]
        held = frozenset(self.held(("L", function.symbol, name)))
        imported = scope.imports.get(name)
        return held | self._target(imported) if imported is not None else held

    def is_bound(self, name: str, scope: Scope) -> bool:
        """Whether the program binds a name, in the scope or around it, or Python does."""
        function = scope.function
        while function is not None:
            if name in function.locals:
                return True
            function = function.parent
        if resolve_global(self.program, scope.module.name, name) is not None or hasattr(builtins, name):
            return True
        return any(star not in self.program.modules for star in self.program.stars[scope.module.name])

    def global_values(self, module: str, name: str) -> Values:
        target = resolve_global(self.program, module, name)
        if target is not None:
            return self._target(target)
        if hasattr(builtins, name):
            return frozenset({External(f"builtins.{name}")})
        if name in _OF_NOTEBOOKS:
            return frozenset({External(f"IPython.display.{name}")})
        foreign = [star for star in self.program.stars[module] if star not in self.program.modules]
        return frozenset(External(f"{star}.{name}") for star in foreign) or frozenset(self.held(("G", module, name)))

    def _target(self, target: Target) -> Values:
        if target.external:
            return frozenset({External(target.dotted)})
        if target.name is None:
            return frozenset({ModuleRef(target.module)})
        symbol = f"{target.module}:{target.name}"
        if symbol in self.program.classes:
            return frozenset({ClassRef(symbol)})
        if symbol in self.program.functions:
            return self._definitions(self.program.functions[symbol])
        return frozenset(self.held(("G", target.module, target.name)))

    def _attribute(self, node: ast.Attribute, scope: Scope) -> Values:
        found: set[Value] = set()
        for base in self.values(node.value, scope):
            found |= self.attribute(base, node.attr)
        if not found and node.attr.startswith("__") and node.attr.endswith("__") and node.attr != "__call__":
            return frozenset({OBJECT})
        return frozenset(found)

    def attribute(self, base: Value, name: str) -> Values:
        """The values of ``base.name``."""
        if isinstance(base, Instance | ClassRef | ModuleRef | SuperRef):
            return self._answered((base, name), lambda: self._attribute_of(base, name))
        return self._attribute_of(base, name)

    def _attribute_of(self, base: Value, name: str) -> Values:
        if isinstance(base, External):
            return frozenset({base.attribute(name)})
        if isinstance(base, ModuleRef):
            values = self.global_values(base.name, name) if name in _bound(self.program, base.name) else NOTHING
            return values or self._module_attribute(base.name, name)
        if isinstance(base, Instance):
            return self._instance_attribute(self.program.classes[base.cls], name)
        if isinstance(base, ClassRef):
            return self._class_attribute(self.program.classes[base.cls], name)
        if isinstance(base, SuperRef):
            return self._super_attribute(self.program.classes[base.cls], name)
        if isinstance(base, Stub):
            self.stub_attributes[base.site].add(name)
            return frozenset(self.held(("S", base.site, name))) or frozenset({OBJECT})
        if isinstance(base, FunctionRef | Plain) and name.startswith("__"):
            return frozenset({OBJECT})
        return NOTHING

    def _module_attribute(self, module: str, name: str) -> Values:
        target = resolve_global(self.program, module, name)
        return self._target(target) if target is not None else NOTHING

    def _instance_attribute(self, cls: ClassInfo, name: str) -> Values:
        if name == "__class__":
            return frozenset({ClassRef(cls.symbol)})
        typed = self._settings_value(cls, name)
        if typed:
            return typed
        found = self._member(cls.mro(), name, bound=True)
        if not found:
            found = frozenset(v for sub in cls.descendants() for v in self._member([sub], name, bound=True))
        if not found and cls.has_external_base():
            return frozenset({OBJECT})
        return found

    def _settings_value(self, cls: ClassInfo, name: str) -> Values:
        settings = self.rules.settings
        if cls.symbol != settings.class_symbol or name not in settings.values:
            return NOTHING
        kind = settings.values[name]
        if kind == "supplied":
            return frozenset({Supplied(name)})
        return frozenset({Instance(kind)}) if kind in self.program.classes else frozenset({External(kind)})

    def _member(self, classes: list[ClassInfo], name: str, *, bound: bool) -> Values:
        found: set[Value] = set()
        method_found = False
        for cls in classes:
            method = cls.methods.get(name)
            if method is not None and not method_found:
                method_found = True
                found |= self._method_value(method, bound)
            found |= self.held(("A", cls.symbol, name))
            if name in cls.annotations:
                found |= self.annotation(cls.annotations[name], self.scope_of[cls.node])
        return frozenset(found)

    def _method_value(self, method: FunctionInfo, bound: bool) -> Values:
        if method.is_property:
            return self.returned(method)
        every = [method, *self.program.further.get(method.symbol, ())]
        return frozenset(FunctionRef(each.symbol, bound and not each.is_static) for each in every)

    def _class_attribute(self, cls: ClassInfo, name: str) -> Values:
        method = cls.find_method(name)
        found = self._member(cls.mro(), name, bound=method is not None and method.is_classmethod)
        if not found:
            found = self._nested_class(cls, name)
        if not found and cls.has_external_base():
            return frozenset({OBJECT})
        return found

    def _nested_class(self, cls: ClassInfo, name: str) -> Values:
        nested = self.program.classes.get(f"{cls.symbol}.{name}")
        return frozenset({ClassRef(nested.symbol)}) if nested is not None else NOTHING

    def _super_attribute(self, cls: ClassInfo, name: str) -> Values:
        found = self._member(cls.mro()[1:], name, bound=True)
        return found or frozenset({OBJECT})

    def _call(self, node: ast.Call, scope: Scope) -> Values:
        if isinstance(node.func, ast.Name) and node.func.id == "super":
            owner = self._enclosing_class(scope)
            return frozenset({SuperRef(owner.symbol)}) if owner else NOTHING
        if isinstance(node.func, ast.Attribute) and node.func.attr == "__new__" and node.args:
            made = {Instance(v.cls) for v in self.values(node.args[0], scope) if isinstance(v, ClassRef)}
            return frozenset(made) or frozenset({OBJECT})
        found: set[Value] = set()
        if isinstance(node.func, ast.Attribute) and node.func.attr in self.returns_receiver:
            found |= {v for v in self.values(node.func.value, scope) if isinstance(v, Instance)}
            if found:
                self._count_received(node, node.func.attr)
                return frozenset(found)
        for callee in self.values(node.func, scope):
            found |= self._called(callee, node, scope)
        if isinstance(node.func, ast.Attribute):
            found |= self._container_method(node, node.func, scope)
        return frozenset(found)

    def _count_received(self, node: ast.Call, name: str) -> None:
        """A call is asked for its values many times, and is one match."""
        if node not in self._received:
            self._received.add(node)
            self.rule_matches[f"returns_receiver:{self.returns_receiver[name].names[0]}"] += 1

    def _enclosing_class(self, scope: Scope) -> ClassInfo | None:
        function = scope.function
        while function is not None:
            if function.owner is not None:
                return function.owner
            function = function.parent
        return None

    def _called(self, callee: Value, node: ast.Call, scope: Scope) -> Values:
        if isinstance(callee, ClassRef):
            return frozenset({Instance(callee.cls)})
        if isinstance(callee, FunctionRef) and callee.function in self.makers:
            return frozenset({Made(callee.function, self.makers[callee.function])})
        if isinstance(callee, FunctionRef) and self.base is not None:
            wrapped = self._wrapped_argument(self.program.functions[callee.function], node)
            if wrapped is not None:
                return self.values(wrapped, scope)
        if isinstance(callee, FunctionRef):
            return self.returned(self.program.functions[callee.function])
        if isinstance(callee, Instance):
            method = self.program.classes[callee.cls].find_method("__call__")
            return self.returned(method) if method is not None else NOTHING
        if isinstance(callee, External):
            return self._external_call(callee, node, scope)
        return frozenset({OBJECT}) if isinstance(callee, Stub) else NOTHING

    def _wrapped_argument(self, decorator: FunctionInfo, call: ast.Call) -> ast.expr | None:
        """What a decorator of the library is handed, where it gives back a wrapper of that."""
        returned = {
            n.value.id for n in iter_own(decorator.node) if isinstance(n, ast.Return) and isinstance(n.value, ast.Name)
        }
        names = [argument.arg for argument in decorator.arguments]
        for name in sorted(returned & set(decorator.nested)):
            wrapped, _ = self.wrapped.get(decorator.nested[name].symbol, (None, None))
            if isinstance(wrapped, ast.Name) and wrapped.id in names[: len(call.args)]:
                return call.args[names.index(wrapped.id)]
        return None

    def returned(self, function: FunctionInfo) -> Values:
        """What a call of ``function`` gives, once awaited."""
        if function.is_generator:
            site = f"{function.symbol}{_YIELD}"
            self._add(("E", site), self.held(("Y", function.symbol)))
            return frozenset({Container(site)})
        returned = frozenset(self.held(("R", function.symbol)))
        annotation = getattr(function.node, "returns", None)
        if annotation is not None:
            returned |= self.annotation(annotation, self.scope_of[function.node])
        return returned

    def _external_call(self, callee: External, node: ast.Call, scope: Scope) -> Values:
        last = callee.name.split(".")[-1]
        if callee.name in _STUB_MAKERS:
            return self._stub(node, scope)
        arguments = [self.values(a, scope) for a in node.args if not isinstance(a, ast.Starred)]
        if last == "MethodType" and len(arguments) == 2:
            self._bind_method(arguments[0], arguments[1])
        if (
            last in ("partial", "MethodType", "wraps", "update_wrapper", "asyncify", "staticmethod", "classmethod")
            and arguments
        ):
            return self._given(arguments[0]) if last == "partial" and len(arguments) > 1 else arguments[0]
        if last == "cast" and len(node.args) == 2:
            return self.annotation(node.args[0], scope) | arguments[1]
        if (
            (last in _SAME_VALUE or callee.name in _PICKLES)
            and arguments
            and any(not isinstance(v, External) for v in arguments[0])
        ):
            return self.elements(arguments[0]) if last == "next" else arguments[0]
        if last in _SAME_ELEMENTS and arguments and any(isinstance(v, Container) for v in arguments[0]):
            return frozenset(self._drawn(v) for v in arguments[0] if isinstance(v, Container))
        if callee.name in _EMPTY_CONTAINERS:
            return self._made_container(node, scope, arguments)
        if last == "enumerate" and arguments:
            return self._tuples(node, scope, [frozenset({OBJECT}), self.elements(arguments[0])])
        if last == "zip":
            return self._tuples(node, scope, [self.elements(a) for a in arguments])
        if last in ("min", "max", "choice") and arguments:
            return self.elements(arguments[0])
        if callee.name == "builtins.type" and len(arguments) == 1:
            return frozenset({ClassRef(v.cls) for v in arguments[0] if isinstance(v, Instance)})
        if callee.name == "builtins.getattr" and len(node.args) >= 2:
            return self._getattr(node, arguments[0])
        return frozenset({callee.called()})

    def _given(self, values: Values) -> Values:
        """What ``functools.partial`` makes of callables, where it is handed positional arguments."""
        found: set[Value] = set()
        for value in values:
            called = self.attribute(value, "__call__") if isinstance(value, Instance) else frozenset({value})
            found |= {replace(v, given=True) if isinstance(v, FunctionRef) else v for v in called}
        return frozenset(found)

    def _drawn(self, container: Container) -> Container:
        """What ``list`` and the like make of a generator is no generator any more."""
        if not container.site.endswith(_YIELD):
            return container
        site = f"{container.site}:drawn"
        self._add(("E", site), self.held(("E", container.site)))
        return Container(site)

    def _stub(self, node: ast.Call, scope: Scope) -> Values:
        site = f"{scope.module.path}:{node.lineno}:{node.col_offset}:stub"
        self.stubs[site] = node, scope
        for keyword in node.keywords:
            if keyword.arg is not None:
                self._add(("S", site, keyword.arg), self.values(keyword.value, scope))
        return frozenset({Stub(site)})

    def _made_container(self, node: ast.Call, scope: Scope, arguments: list[Values]) -> Values:
        site = f"{scope.module.path}:{node.lineno}:{node.col_offset}:made"
        for values in arguments:
            self._add(("E", site), self.elements(values))
        for keyword in node.keywords:
            self._add(("E", site), self.values(keyword.value, scope))
        return frozenset({Container(site)})

    def _getattr(self, node: ast.Call, bases: Values) -> Values:
        name = node.args[1]
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            return frozenset(v for base in bases for v in self.attribute(base, name.value))
        return NOTHING

    def _tuples(self, node: ast.Call, scope: Scope, columns: list[Values]) -> Values:
        site = f"{scope.module.path}:{node.lineno}:{node.col_offset}:tuples"
        self._add(("E", site), frozenset({Container(f"{site}:item")}))
        for index, column in enumerate(columns):
            self._add(("T", f"{site}:item", str(index)), column)
        return frozenset({Container(site)})

    def _container_method(self, node: ast.Call, function: ast.Attribute, scope: Scope) -> Values:
        containers = frozenset(v for v in self.values(function.value, scope) if isinstance(v, Container))
        if not containers:
            return NOTHING
        if function.attr in _CONTAINER_SAME:
            return containers
        if function.attr in _CONTAINER_ELEMENT:
            return self.elements(containers)
        if function.attr == "items":
            return self._tuples(node, scope, [frozenset({OBJECT}), self.elements(containers)])
        return frozenset({OBJECT})

    def functions(self, node: ast.expr, scope: Scope) -> list[FunctionInfo]:
        """Functions of the program that calling ``node`` may run."""
        found: dict[str, FunctionInfo] = {}
        for value in self.values(node, scope):
            called = self.attribute(value, "__call__") if isinstance(value, Instance) else frozenset({value})
            found.update((v.function, self.program.functions[v.function]) for v in called if isinstance(v, FunctionRef))
        return [found[symbol] for symbol in sorted(found)]

    def generators(self, node: ast.expr, scope: Scope) -> tuple[list[FunctionInfo], bool]:
        """Functions whose generator (or context manager) ``node`` may hold; whether it may hold something else, too."""
        found: dict[str, FunctionInfo] = {}
        others = False
        for value in self.values(node, scope):
            site = value.site if isinstance(value, Container) else ""
            if site.endswith(_YIELD):
                function = self.program.functions[site.removesuffix(_YIELD)]
                found[function.symbol] = function
            else:
                others = others or ":annotation:" not in site
        return [found[symbol] for symbol in sorted(found)], others

    def elements(self, values: Values) -> Values:
        """What iterating or subscripting ``values`` gives."""
        found: set[Value] = set()
        for value in values:
            if isinstance(value, Container):
                found |= self.held(("E", value.site))
            elif isinstance(value, External):
                found.add(value.called())
        return frozenset(found)

    def _item(self, values: Values, index: int) -> Values:
        found: set[Value] = set()
        for value in values:
            if isinstance(value, Container):
                at_index = self.held(("T", value.site, str(index)))
                found |= at_index if at_index else self.held(("E", value.site))
            elif isinstance(value, External):
                found.add(value.called())
        return frozenset(found)

    def _subscript(self, node: ast.Subscript, scope: Scope) -> Values:
        base = self.values(node.value, scope)
        if any(isinstance(v, ClassRef) for v in base):
            return base
        if isinstance(node.slice, ast.Slice):
            return base
        settings = [v for v in base if isinstance(v, Instance) and v.cls == self.rules.settings.class_symbol]
        if isinstance(node.slice, ast.Constant):
            if settings and isinstance(node.slice.value, str):
                return self.attribute(settings[0], node.slice.value)
            if isinstance(node.slice.value, int) and node.slice.value >= 0:
                return self._item(base, node.slice.value)
        return self.elements(base)

    def _display(self, node: ast.List | ast.Tuple | ast.Set, scope: Scope) -> Values:
        site = f"{scope.module.path}:{node.lineno}:{node.col_offset}:{type(node).__name__}"
        for index, element in enumerate(node.elts):
            if isinstance(element, ast.Starred):
                self._add(("E", site), self.elements(self.values(element.value, scope)))
                continue
            values = self.values(element, scope)
            self._add(("E", site), values)
            if isinstance(node, ast.Tuple):
                self._add(("T", site, str(index)), values)
        return frozenset({Container(site)})

    def _dict(self, node: ast.Dict, scope: Scope) -> Values:
        site = f"{scope.module.path}:{node.lineno}:{node.col_offset}:dict"
        for key, value in zip(node.keys, node.values, strict=True):
            values = self.values(value, scope)
            self._add(("E", site), self.elements(values) if key is None else values)
        return frozenset({Container(site)})

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp, scope: Scope
    ) -> Values:
        site = f"{scope.module.path}:{node.lineno}:{node.col_offset}:comprehension"
        element = node.value if isinstance(node, ast.DictComp) else node.elt
        self._add(("E", site), self.values(element, scope))
        return frozenset({Container(site)})

    def _lambda(self, node: ast.Lambda, scope: Scope) -> Values:
        return frozenset({FunctionRef(self.program.function_of[node].symbol)})

    def _union(self, node: ast.BoolOp, scope: Scope) -> Values:
        return frozenset(v for operand in node.values for v in self.values(operand, scope))

    def _if_expression(self, node: ast.IfExp, scope: Scope) -> Values:
        body = self.values(node.body, scope)
        for name, classes in asked(node.test):
            if isinstance(node.body, ast.Name) and node.body.id == name:
                body = self._narrowed(body, self._classes(classes, scope))
        return body | self.values(node.orelse, scope)

    def _inner(self, node: ast.Await | ast.NamedExpr | ast.Starred, scope: Scope) -> Values:
        return self.values(node.value, scope)

    def _binary(self, node: ast.BinOp, scope: Scope) -> Values:
        both = self.values(node.left, scope) | self.values(node.right, scope)
        containers = frozenset(v for v in both if isinstance(v, Container))
        return containers or frozenset({OBJECT})

    # -- annotations ----------------------------------------------------------------------------------------------

    def annotation(self, node: ast.expr, scope: Scope) -> Values:
        """The values that an annotation promises; empty for ``Any``, ``Callable`` and what is not understood."""
        return self._answered((node, scope), lambda: self._annotated(node, scope))

    def _annotated(self, node: ast.expr, scope: Scope) -> Values:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                return self.annotation(ast.parse(node.value, mode="eval").body, scope)
            except SyntaxError:
                return NOTHING
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return self.annotation(node.left, scope) | self.annotation(node.right, scope)
        if isinstance(node, ast.Subscript):
            return self._generic(node, scope)
        return self._annotation_name(node, scope)

    def _annotation_name(self, node: ast.expr, scope: Scope) -> Values:
        if not isinstance(node, ast.Name | ast.Attribute):
            return NOTHING
        found: set[Value] = set()
        for value in self.values(node, scope):
            if isinstance(value, ClassRef):
                found.add(Instance(value.cls))
            elif isinstance(value, External) and value.name.split(".")[-1] in ("Callable", "callable"):
                found.add(Opaque())
            elif isinstance(value, External) and value.name.split(".")[-1] not in (
                "Any",
                "Callable",
                "object",
                "callable",
                "TypeVar()",
            ):
                found.add(value.called())
        return frozenset(found)

    def _generic(self, node: ast.Subscript, scope: Scope) -> Values:
        name = (dotted(node.value) or "").split(".")[-1]
        arguments = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if name in ("Optional", "Union", "Annotated", "Final", "ClassVar", "Required"):
            used = arguments[:1] if name == "Annotated" else arguments
            return frozenset(v for a in used for v in self.annotation(a, scope))
        if name in ("type", "Type"):
            return frozenset(
                ClassRef(v.cls) for a in arguments for v in self.annotation(a, scope) if isinstance(v, Instance)
            )
        if name == "Callable":
            return frozenset({Opaque()})
        if name == "Literal":
            return frozenset({OBJECT})
        if name in ("dict", "Dict", "Mapping", "MutableMapping", "defaultdict", "OrderedDict"):
            return self._annotated_container(node, scope, arguments[-1:])
        if name in (
            "tuple",
            "Tuple",
            "list",
            "List",
            "set",
            "Set",
            "Sequence",
            "Iterable",
            "Iterator",
            "Generator",
            "frozenset",
            "deque",
            "AsyncGenerator",
            "AsyncIterator",
        ):
            return self._annotated_container(node, scope, arguments if name.lower() == "tuple" else arguments[:1])
        if name in ("Coroutine", "Awaitable"):
            return self.annotation(arguments[-1], scope)
        return self._annotation_name(node.value, scope)

    def _annotated_container(self, node: ast.Subscript, scope: Scope, arguments: list[ast.expr]) -> Values:
        site = f"{scope.module.name}:annotation:{ast.unparse(node)}"
        for index, argument in enumerate(arguments):
            values = self.annotation(argument, scope)
            self._add(("E", site), values)
            if len(arguments) > 1:
                self._add(("T", site, str(index)), values)
        return frozenset({Container(site)})


def _bound(program: Program, module: str) -> set[str]:
    return program.module_names.get(module, set())


def _is_wrapper(function: FunctionInfo, wrapped: ast.expr) -> bool:
    """Whether a function stands for what it wraps, and does not only borrow its name and docstring."""
    if function.node.args.vararg is not None:
        return True
    name = dotted(wrapped)
    nodes = [n for statement in getattr(function.node, "body", []) for n in walk(statement)]
    looked_at = {n.value for n in nodes if isinstance(n, ast.Attribute)}
    return any(isinstance(n, ast.Name | ast.Attribute) and dotted(n) == name and n not in looked_at for n in nodes)


def _is_known_type(values: Values) -> bool:
    """An annotation that names a type (a string, a model, ...) speaks louder than a name rule."""
    return bool(values) and not any(isinstance(value, Opaque) for value in values)


_RELEVANT = (
    ast.Assign, ast.AnnAssign, ast.NamedExpr, ast.AugAssign, ast.For, ast.AsyncFor, ast.comprehension, ast.withitem,
    ast.Return, ast.Yield, ast.YieldFrom, ast.ExceptHandler, ast.MatchAs, ast.FunctionDef,
    ast.AsyncFunctionDef, ast.ClassDef,
)  # fmt: skip
