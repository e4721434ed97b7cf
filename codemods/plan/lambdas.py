"""What becomes of lambdas that wait: definitions before the statement that they stand in."""

from __future__ import annotations

import ast
import builtins
from keyword import iskeyword

from codemods.plan.context import Context
from codemods.plan.definitions import function_plan
from codemods.plan.model import FunctionPlan
from codemods.plan.place import Place
from codemods.program import FunctionInfo
from codemods.program.build import iter_own
from codemods.program.replacements import replacement_by_call
from codemods.syntax import walk


class Lambdas:
    """Lambdas that wait: each becomes a coroutine function that is defined before its statement.

    Args:
        context: the file that they stand in.
    """

    def __init__(self, context: Context):
        self.context = context
        self.hints: dict[ast.expr, str] = {}
        """What a lambda may be called, by where it stands."""
        self.hoisted: set[str] = set()
        """Names of the definitions that are put before the statement at hand."""

    def hint(self, node: ast.expr, name: str) -> None:
        """Note what a lambda is called by what it stands in."""
        if name.isidentifier() and not iskeyword(name) and not hasattr(builtins, name):
            self.hints[node] = name

    def hint_replacement(self, node: ast.Call, place: Place) -> None:
        """A lambda that is put in the place of something is called as that is."""
        replacement = replacement_by_call(node)
        if replacement is not None and self.context.mocks is not None and isinstance(replacement.value, ast.Lambda):
            self.hint(replacement.value, self.context.mocks.new_name(replacement, place.scope) or replacement.attribute)

    def hoist(self, node: ast.Lambda, target: str | None, *, replaces: bool = False) -> None:
        """Plan a definition for a lambda, under the variable's name where it ``replaces`` an assignment."""
        function = self.context.coloring.program.function_of[node]
        if not self.context.coloring.is_coroutine(function) or target is None:
            return
        name = target.split(".")[-1]
        plan = function_plan(self.context, function) or FunctionPlan()
        replaces = replaces and (function.parent is None or self._is_bound_once(name, function.parent))
        plan.hoist = name if replaces else self.fresh(name, function)
        plan.checked = False
        self.hoisted.add(plan.hoist)
        self.context.file.functions[function.position] = plan

    def _is_bound_once(self, name: str, function: FunctionInfo) -> bool:
        """Whether a program's function binds a variable at one place only."""
        if self.context.file.own_package or name in {a.arg for a in function.arguments} or name not in function.locals:
            return False
        stores = [n for n in iter_own(function.node) if isinstance(n, ast.Name) and n.id == name]
        return sum(not isinstance(n.ctx, ast.Load) for n in stores) == 1

    def fresh(self, name: str, function: FunctionInfo, *, inside: bool = False) -> str:
        """A name that nothing around ``function`` (or ``inside`` it) uses, nor another definition of the statement."""
        parent = function if inside else function.parent
        around = parent.node if parent is not None else self.context.module.tree
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
