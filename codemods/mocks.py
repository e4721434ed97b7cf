"""Plans edits of mocks: what a program's tests patch, and how they ask what a mock was called with.

A mock that stands for a coroutine has to be one (``AsyncMock``); the name that is patched has to be the one that is
called now; and where what it stands for is handed settings, the mock was called with one argument more.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from codemods.coloring import Coloring
from codemods.program.build import dotted, iter_own
from codemods.program.model import FunctionInfo, ModuleInfo
from codemods.program.replacements import Replacement, replaced_values, replacement_by_call
from codemods.program.scopes import Scope
from codemods.program.values import ClassRef, External, FunctionRef, Instance, Stub, Values

if TYPE_CHECKING:
    from codemods.plan.model import CallPlan, FilePlan, Range

_MODULE = "unittest.mock"
_PLAIN = frozenset({f"{_MODULE}.Mock", f"{_MODULE}.MagicMock"})
_ASSERTIONS = frozenset({"assert_called_with", "assert_called_once_with", "assert_any_call"})
_RECORDS = frozenset({"call_args", "call_args_list", "mock_calls"})
_CONFIGURED = frozenset({"new", "new_callable", "return_value", "side_effect", "autospec", "wraps", "spec"})


class MockPlanner:
    """Adds to the plan of one file, place by place, as the planner comes to them."""

    def __init__(
        self, coloring: Coloring, module: ModuleInfo, file: FilePlan, place: Callable[[ast.expr], Range]
    ) -> None:
        self.coloring = coloring
        self.module = module
        self.file = file
        self.place = place
        self.renamed = {rule.old: rule.new for rule in coloring.rules.renamed}

    # -- what is patched -------------------------------------------------------------------------------------------

    def plan_assignment(self, node: ast.Assign, scope: Scope) -> None:
        """``litellm.completion = fake``: the attribute that is called now."""
        target = node.targets[0]
        if len(node.targets) == 1 and isinstance(target, ast.Attribute):
            replacement = Replacement(node, target.value, target.attr, None, node.value)
            new = self.new_name(replacement, scope)
            if new is not None:
                self.file.reads[self.place(target)] = _member(target.value, new)

    def plan_attribute(self, node: ast.Attribute, scope: Scope) -> bool:
        """``mock_lm.acall``: the attribute that is called now, which for ``__call__`` is the mock itself."""
        if not isinstance(node.ctx, ast.Load):
            return False
        for site in self._sites(self.coloring.flow.values(node.value, scope)):
            for symbol in sorted(self.coloring.stand_ins.stubs.get(site, ())):
                owner = self.coloring.program.functions[symbol].owner
                names = [cls.aliases[node.attr] for cls in owner.mro() if node.attr in cls.aliases] if owner else []
                if names:
                    self.file.reads[self.place(node)] = _member(node.value, names[0])
                    return True
        return False

    def plan_call(self, node: ast.Call, scope: Scope, plan: CallPlan) -> None:
        """A call that patches, makes a mock, or asserts how one was called; ``plan`` is what is added to."""
        replacement = replacement_by_call(node)
        if replacement is not None:
            self._plan_patch(node, replacement, scope, plan)
        elif self._is_coroutine_stub(node, scope):
            plan.callee = self._mock_name(node.func, "AsyncMock")
        elif self._asserts_settings(node, scope):
            plan.settings = self._name_here("ANY")

    def _asserts_settings(self, node: ast.Call, scope: Scope) -> bool:
        """Whether a call asserts the arguments of a mock that was handed settings before them."""
        if not isinstance(node.func, ast.Attribute) or node.func.attr not in _ASSERTIONS:
            return False
        if node.args and self._says_any(node.args[0], scope):
            return False
        return self._takes_settings(self.coloring.flow.values(node.func.value, scope))

    def _says_any(self, node: ast.expr, scope: Scope) -> bool:
        return External(f"{_MODULE}.ANY") in self.coloring.flow.values(node, scope)

    def _plan_patch(self, node: ast.Call, replacement: Replacement, scope: Scope, plan: CallPlan) -> None:
        before = replaced_values(self.coloring.flow, scope, replacement)
        if self._are_called_as_coroutines(before) and not self._is_told_what_to_make(node):
            # `patch` sees that a function is a coroutine function, and not that an object is called as one.
            plan.keywords = (("new_callable", self._mock_name(node.func, "AsyncMock")),)
        new = self.new_name(replacement, scope)
        if new is None:
            return
        if replacement.literal is not None:
            text = str(replacement.literal.value)
            self.file.strings[self.place(replacement.literal)] = text[: len(text) - len(replacement.attribute)] + new
        for keyword in node.keywords:
            if keyword.arg == "wraps" and isinstance(keyword.value, ast.Attribute):
                self.file.reads[self.place(keyword.value)] = f"{ast.unparse(keyword.value.value)}.{new}"
        if {"autospec", "wraps"} <= {keyword.arg for keyword in node.keywords}:
            # A coroutine's mock made by `autospec` asks no `wraps`; an effect is awaited, and its result returned.
            plan.renamed_keywords = (("wraps", "side_effect"),)
        if any(isinstance(v, External) for v in before) and not self._is_configured(node, scope):
            # What a coroutine's mock returns is a coroutine's mock again, unless it is told.
            plan.keywords = (("return_value", f"{self._mock_name(node.func, 'MagicMock')}()"),)

    def _are_called_as_coroutines(self, values: Values) -> bool:
        """Whether values are objects, and calling any of them makes a coroutine."""
        classes = [self.coloring.program.classes[v.cls] for v in values if isinstance(v, Instance)]
        called = [cls.find_method("__call__") for cls in classes]
        return bool(called) and all(f is not None and self.coloring.is_coroutine(f) for f in called)

    def _is_told_what_to_make(self, node: ast.Call) -> bool:
        told = {"new", "new_callable", "autospec", "spec", "spec_set"}
        return replacement_value_given(node) or bool(told & {keyword.arg for keyword in node.keywords})

    def new_name(self, replacement: Replacement, scope: Scope) -> str | None:
        """The attribute that is called now in place of the one that is replaced; None if it is the same."""
        values = replaced_values(self.coloring.flow, scope, replacement)
        names = {
            self.renamed[v.name].rpartition(".")[2]
            for v in values
            if isinstance(v, External) and v.name in self.renamed
        }
        for function in self._called(values):
            names.add(function.name if self.coloring.is_coroutine(function) else replacement.attribute)
        names.discard(replacement.attribute)
        return names.pop() if len(names) == 1 else None

    def _called(self, values: Values) -> list[FunctionInfo]:
        """Functions of the library that a name stands for: of a class, methods, and not what objects are given."""
        program = self.coloring.program
        functions = [program.functions[v.function] for v in values if isinstance(v, FunctionRef)]
        theirs = [function for function in functions if not program.owns(function.symbol)]
        return [function for function in theirs if function.owner is not None] or theirs

    def _is_configured(self, node: ast.Call, scope: Scope) -> bool:
        """Whether a patch is told what to return, by its arguments or by assignments to the mock that it makes.

        An effect tells it too, unless what the mock returns otherwise is looked at: to be one of several effects, say.
        """
        if replacement_value_given(node):
            return True
        told = {keyword.arg for keyword in node.keywords} & _CONFIGURED
        looked_at = False
        for child in self._attributes_of(node, scope):
            if isinstance(child.ctx, ast.Store) and child.attr in ("return_value", "side_effect"):
                told.add(child.attr)
            looked_at |= isinstance(child.ctx, ast.Load) and child.attr == "return_value"
        return bool(told - {"side_effect"} if looked_at else told)

    def _attributes_of(self, node: ast.Call, scope: Scope) -> Iterator[ast.Attribute]:
        """Attributes, within the module, of the mock that a call makes."""
        flow = self.coloring.flow
        sites = self._sites(flow.values(node, scope))
        for other in flow.scopes:
            if other.module is not scope.module:
                continue
            for child in iter_own(other.node):
                if isinstance(child, ast.Attribute) and self._sites(flow.values(child.value, other)) & sites:
                    yield child

    # -- what is made ----------------------------------------------------------------------------------------------

    def _is_coroutine_stub(self, node: ast.Call, scope: Scope) -> bool:
        callees = self.coloring.flow.values(node.func, scope)
        if not any(isinstance(callee, External) and callee.name in _PLAIN for callee in callees):
            return False
        if any(self._is_called_as_coroutine(k.value, scope) for k in node.keywords if k.arg == "spec"):
            return True
        for site in self._sites(self.coloring.flow.values(node, scope)):
            if self.coloring.stand_ins.external.get(site) in self.renamed:
                return True
            if any(symbol in self.coloring.coroutine for symbol in self.coloring.stand_ins.stubs.get(site, ())):
                return True
        return False

    def _is_called_as_coroutine(self, spec: ast.expr, scope: Scope) -> bool:
        for value in self.coloring.flow.values(spec, scope):
            cls = self.coloring.program.classes[value.cls] if isinstance(value, ClassRef) else None
            called = cls.find_method("__call__") if cls is not None else None
            if called is not None and self.coloring.is_coroutine(called):
                return True
        return False

    # -- what was called -------------------------------------------------------------------------------------------

    def plan_subscript(self, node: ast.Subscript, scope: Scope) -> None:
        """``m.call_args.args[0]`` and ``m.call_args[0][0]``: settings come first.

        A test that is a coroutine already was written for the library as it is called now.
        """
        if scope.function is not None and scope.function.is_async:
            return
        index = node.slice
        if not isinstance(index, ast.Constant) or not isinstance(index.value, int) or isinstance(index.value, bool):
            return
        call = _call_whose_arguments(node.value)
        if call is None:
            return
        while isinstance(call, ast.Subscript):
            call = call.value
        if not isinstance(call, ast.Attribute) or call.attr not in _RECORDS:
            return
        if self._takes_settings(self.coloring.flow.values(call.value, scope)):
            self.file.numbers[self.place(index)] = index.value + 1

    def _takes_settings(self, values: Values) -> bool:
        stands_for = {symbol for site in self._sites(values) for symbol in self.coloring.stand_ins.stubs.get(site, ())}
        return any(symbol in self.coloring.settings for symbol in stands_for)

    def _sites(self, values: Values) -> set[str]:
        return {value.site for value in values if isinstance(value, Stub)}

    # -- names -----------------------------------------------------------------------------------------------------

    def _mock_name(self, like: ast.expr, name: str) -> str:
        """How a name of ``unittest.mock`` is written beside ``like``: behind the same module, or by itself."""
        parts = (dotted(like) or "").split(".")
        parts = parts[:-2] if parts[-2:] == ["patch", "object"] else parts[:-1]
        return ".".join([*parts, name]) if parts else self._name_here(name)

    def _name_here(self, name: str) -> str:
        for (module, alias), (base, attribute) in self.coloring.program.imports.items():
            imported = base if attribute is None else f"{base}.{attribute}"
            if module == self.module.name and imported == _MODULE:
                return f"{alias}.{name}"
        self.file.imports.add((_MODULE, name))
        return name


def _member(holder: ast.expr, name: str) -> str:
    """How an attribute is written; an object's ``__call__`` is the object."""
    return ast.unparse(holder) if name == "__call__" else f"{ast.unparse(holder)}.{name}"


def replacement_value_given(node: ast.Call) -> bool:
    """Whether ``patch`` is handed what it is to put there."""
    replacement = replacement_by_call(node)
    return replacement is not None and replacement.value is not None


def _call_whose_arguments(node: ast.expr) -> ast.expr | None:
    """``x`` of ``x.args`` and ``x[0]``, where x is what a mock was called with."""
    if isinstance(node, ast.Attribute) and node.attr == "args":
        return node.value
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and node.slice.value == 0:
        return node.value
    return None
