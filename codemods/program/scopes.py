"""Scopes: code that runs with one set of local names, with what the analysis looks at in it."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field

from codemods.program.build import iter_own
from codemods.program.model import ClassInfo, FunctionInfo, ModuleInfo, Program
from codemods.program.names import Target, local_imports
from codemods.program.narrowing import narrowed_names

_RELEVANT = frozenset(
    {ast.Assign, ast.AnnAssign, ast.NamedExpr, ast.AugAssign, ast.For, ast.AsyncFor, ast.comprehension, ast.withitem,
     ast.Return, ast.Yield, ast.YieldFrom, ast.ExceptHandler, ast.MatchAs, ast.FunctionDef,
     ast.AsyncFunctionDef, ast.ClassDef}
)  # fmt: skip
"""Statements and parts of such that bind something."""
_OPENS_STEP = frozenset({*ast.stmt.__subclasses__(), ast.ExceptHandler, ast.match_case})
_LOOKED_AT = _RELEVANT | _OPENS_STEP | {ast.Call, ast.Await}


@dataclass(eq=False)
class Step:
    """A statement without the statements in it: the least that the analysis goes through again."""

    scope: Scope
    nodes: list[ast.AST] = field(default_factory=list[ast.AST])
    calls: list[ast.Call] = field(default_factory=list[ast.Call])
    is_first: bool = False
    """Whether it is the first of its scope, or all that there is."""


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
    steps: list[Step] = field(default_factory=list["Step"])
    narrowed: dict[ast.Name, ast.expr] = field(default_factory=dict[ast.Name, ast.expr])
    """Uses of names that are of known classes, with the expression that names these."""

    @property
    def class_scope(self) -> bool:
        """Whether it is the body of a class."""
        return isinstance(self.node, ast.ClassDef)


def scopes_of(program: Program) -> list[Scope]:
    """Every scope of the program's own: its modules, its classes, its functions and lambdas."""
    scopes = [Scope(module, None, None, module.tree) for module in program.own_modules()]
    scopes += [Scope(cls.module, cls.scope, cls, cls.node) for cls in program.own_classes()]
    for function in program.own_functions():
        scopes.append(Scope(function.module, function, None, function.node, local_imports(program, function)))
    for scope in scopes:
        own = [n for n in iter_own(scope.node) if n.__class__ in _LOOKED_AT]
        scope.nodes = [n for n in own if n.__class__ in _RELEVANT]
        scope.calls = [n for n in own if isinstance(n, ast.Call)]
        scope.narrowed = narrowed_names(scope.node)
        scope.awaits = [n for n in own if isinstance(n, ast.Await)]
        scope.steps = _steps_of(scope, own)
    return scopes


def _steps_of(scope: Scope, own: Iterable[ast.AST]) -> list[Step]:
    """What the analysis looks at in a scope, by statement; ``own`` are such nodes of it, each before those in it."""
    steps = [Step(scope, is_first=True)]
    for node in own:
        if node.__class__ in _OPENS_STEP and (steps[-1].nodes or steps[-1].calls):
            steps.append(Step(scope))
        if node.__class__ in _RELEVANT:
            steps[-1].nodes.append(node)
        elif isinstance(node, ast.Call):
            steps[-1].calls.append(node)
    return steps
