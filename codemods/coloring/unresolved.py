"""Calls whose target nothing says, where it may matter: they are listed, never guessed."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Mapping

from codemods.coloring.model import CallSite, Coloring
from codemods.program import ModuleInfo
from codemods.program.build import dotted
from codemods.program.model import ClassInfo
from codemods.program.scopes import Scope
from codemods.program.values import OBJECT, Instance
from codemods.stages import Finding


class Unresolved:
    """Calls whose target is not known and that matter.

    Args:
        result: the coloring, both colours spread.
        final: paths and symbols that are as they stand: nothing of theirs is listed.
    """

    def __init__(self, result: Coloring, final: frozenset[str]):
        self.result = result
        self.program = result.program
        self.flow = result.flow
        self.rules = result.rules
        self.final = final

    def note(self) -> None:
        """List them in the coloring."""
        coloured_methods = self._coloured_methods()
        settled = {name: rule.names[0] for rule in self.rules.method for name in rule.names}
        for site in self.result.calls:
            if site.plain or self._is_final(site):
                continue
            if site.known:
                why = self._why_foreign(site, coloured_methods)
            else:
                why = self._why_unresolved(site, coloured_methods, settled)
            if why and self._concerns_library(site):
                self.result.unresolved.append(
                    Finding(
                        "unresolved",
                        site.scope.module.path,
                        site.position[0],
                        f"{ast.unparse(site.node.func)}(...): {why}",
                    )
                )

    def _coloured_methods(self) -> set[str]:
        """Names of methods that may be coroutines or take settings.

        Of what a user's program calls on an object of which nothing is known, a name that most classes of the library
        have for something else says nothing.
        """
        methods = [f for f in self.program.functions.values() if f.owner is not None]
        coloured = Counter(f.name for f in methods if self.result.is_coroutine(f) or self.result.takes_settings(f))
        if self.program.own is None:
            return set(coloured)
        every = Counter(f.name for f in methods)
        return {name for name, count in coloured.items() if 2 * count >= every[name]}

    def _concerns_library(self, site: CallSite) -> bool:
        """Whether a call of a user's program may have to do with the library: nothing else is a user's to look at."""
        if self.program.own is None:
            return True
        callee = site.node.func
        if isinstance(callee, ast.Attribute):
            return not hasattr(str, callee.attr) and self._uses_library(site.scope.module)
        if isinstance(callee, ast.Name) and callee.id[:1].isupper() and not self.flow.is_bound(callee.id, site.scope):
            return False  # By its name it is a class, which the text at hand does not show.
        return self._uses_library(site.scope.module)

    def _uses_library(self, module: ModuleInfo) -> bool:
        imported = {target[0] for (name, _), target in self.program.imports.items() if name == module.name}
        roots = {name.split(".")[0] for name in self.program.modules if not self.program.owns(name)}
        scopes = [scope for scope in self.flow.scopes if scope.module is module]
        local = {target.module for scope in scopes for target in scope.imports.values()}
        stars = set(self.program.stars[module.name])
        return any(each.split(".")[0] in roots or self.program.owns(each) for each in imported | local | stars)

    def _is_final(self, site: CallSite) -> bool:
        if site.function is not None:
            return site.function.is_in(self.final)
        return site.scope.module.path in self.final

    def _why_unresolved(self, site: CallSite, coloured: set[str], settled: Mapping[str, str]) -> str | None:
        callee = site.node.func
        if isinstance(callee, ast.Call) and dotted(callee.func) == "type":
            return None
        if isinstance(callee, ast.Attribute):
            if callee.attr in settled:
                self.result.matches[f"method:{settled[callee.attr]}"] += 1
                return None
            if self._holds_callable(callee, site.scope) and (
                callee.attr in coloured or not self._is_of_its_kind(callee, site.scope)
            ):
                return f"an attribute of an object of this package that holds an unknown callable: .{callee.attr}"
            if callee.attr in coloured:
                return f"nothing is known of its receiver, and .{callee.attr} may be a coroutine"
            return None
        if isinstance(callee, ast.Name):
            return "a variable that holds an unknown callable"
        return "calls the result of an expression"

    def _why_foreign(self, site: CallSite, coloured: set[str]) -> str | None:
        """An object of another package, called by a name of DSPy's protocols, and handed one of its programs."""
        callee = site.node.func
        if self.program.own is None or site.targets or not isinstance(callee, ast.Attribute):
            return None
        if callee.attr not in coloured or self.flow.values(callee.value, site.scope) != frozenset({OBJECT}):
            return None
        handed = [*site.node.args, *(keyword.value for keyword in site.node.keywords)]
        values = [value for node in handed for value in self.flow.values(node, site.scope)]
        if not any(isinstance(v, Instance) and self._is_of_library(self.program.classes[v.cls]) for v in values):
            return None
        return f"its receiver is of another package, which may wait for what it is handed, and .{callee.attr} with it"

    def _is_of_library(self, cls: ClassInfo) -> bool:
        called = cls.find_method("__call__")
        return called is not None and self.result.is_coroutine(called)

    def _holds_callable(self, callee: ast.Attribute, scope: Scope) -> bool:
        """Whether an object of the package is asked for something its class does not define."""
        bases = self.flow.values(callee.value, scope)
        held = [self.program.classes[b.cls] for b in bases if isinstance(b, Instance)]
        return bool(held) and len(held) == len(bases) and not any(cls.has_external_base() for cls in held)

    def _is_of_its_kind(self, callee: ast.Attribute, scope: Scope) -> bool:
        """Whether a variable's name says that it may hold other classes too, one of which defines what is asked for."""
        rule = self.flow.name_rules.get(callee.value.id) if isinstance(callee.value, ast.Name) else None
        if rule is None or rule.type not in self.program.classes:
            return False
        return bool(self.flow.attribute(Instance(rule.type), callee.attr) - {OBJECT})
