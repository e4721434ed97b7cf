"""What a program hands to its library in place of the library's own: objects, functions and mocks.

A program may put an object with the right methods where a class of the library is expected, without deriving from it
(``rlm.generate_action = FakePredictor()``). The library calls it as it calls its own, so their methods share colours.
A mock has no methods to colour: what it stands for is kept, by where it is made.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator

from codemods.program.flow import Flow
from codemods.program.model import ClassInfo, FunctionInfo
from codemods.program.replacements import Replacement, replaced_values, replacements
from codemods.program.scopes import Scope
from codemods.program.values import (
    ClassRef,
    Container,
    External,
    FunctionRef,
    Instance,
    Opaque,
    Stub,
    Supplied,
    Value,
    Values,
    Variable,
)


class StandIns:
    """What each thing of the program stands for.

    ``pairs`` are symbols of functions, the library's (or any that is replaced) and the program's own; ``stubs`` what is
    called when a mock is, by the mock's site; ``external`` own functions and sites of mocks that are put in the
    place of another package's function, with its dotted name.
    """

    def __init__(self, flow: Flow):
        self.pairs: list[tuple[str, str]] = []
        self.stubs: dict[str, set[str]] = defaultdict(set)
        self.external: dict[str, str] = {}
        self.handed: set[str] = set()
        """Own functions that are handed to the library, on their own or in containers: it calls them with settings."""
        self._flow = flow
        self._done: set[tuple[Value, Value]] = set()
        self._of_any_form = _called_in_any_form(flow.base) if flow.base is not None else frozenset[Value]()
        self._specs()
        for variable, expected in self._places():
            self._put(expected, frozenset(flow.variables.points_to[variable]))
        for scope in flow.scopes if flow.base is not None else ():
            for call in scope.calls:
                self._hand_over(call, scope)
                self._configure(call, scope)
        for scope in flow.scopes:
            for replacement in replacements(scope):
                self._replace(replaced_values(flow, scope, replacement), _new_values(flow, scope, replacement))

    # -- where -----------------------------------------------------------------------------------------------------

    def _places(self) -> Iterator[tuple[Variable, Values]]:
        """Variables that the library reads and the program fills, each with what the library itself puts there."""
        flow = self._flow
        if flow.base is None:
            return
        for variable in sorted(flow.variables.points_to):
            if variable in flow.variables.handed_in and not self._is_of_settings(variable):
                yield variable, self._expected(flow.base, variable)
            elif variable[0] == "A" and variable[1] in flow.program.classes:
                inherited = _nearest_of_library(flow, flow.program.classes[variable[1]])
                if inherited is not None:
                    yield variable, self._attribute_of(inherited.symbol, variable[2])

    def _is_of_settings(self, variable: Variable) -> bool:
        """Whether a variable holds what settings are changed by, of every kind at once."""
        symbol = variable[1].partition(":")[0] + ":" + variable[1].partition(":")[2].partition(":")[0]
        function = self._flow.program.functions.get(symbol)
        owner = function.owner if function is not None else None
        return variable[0] == "E" and owner is not None and owner.symbol == self._flow.rules.settings.class_symbol

    def _configure(self, call: ast.Call, scope: Scope) -> None:
        """What a setting is given stands for what the rule table says that the setting holds."""
        settings = self._flow.rules.settings
        called = [f for f in self._flow.functions(call.func, scope) if f.owner is not None]
        if not any(f.owner.symbol == settings.class_symbol for f in called if f.owner is not None):
            return
        for keyword in call.keywords:
            kind = settings.values.get(keyword.arg or "", "")
            if kind in self._flow.program.classes:
                self._put(frozenset({Instance(kind)}), self._flow.values(keyword.value, scope))

    def _expected(self, base: Flow, variable: Variable) -> Values:
        if variable[0] == "A" and variable[1] in base.program.classes:
            return self._attribute_of(variable[1], variable[2])
        return frozenset(base.held(variable))

    def _attribute_of(self, symbol: str, name: str) -> Values:
        """What the library itself keeps in an attribute of one of its classes."""
        values = self._flow.attribute(Instance(symbol), name)
        return frozenset(value for value in values if not self._flow.is_own(value))

    def _replace(self, before: Values, new: Values) -> None:
        self._put(before, new)
        for value in before:
            if isinstance(value, External):
                for put in new:
                    if isinstance(put, FunctionRef | Stub):
                        self.external[put.function if isinstance(put, FunctionRef) else put.site] = value.name

    def _specs(self) -> None:
        """Mocks that say themselves what they stand for."""
        for site, (call, scope) in self._flow.stubs.items():
            specs = [keyword.value for keyword in call.keywords if keyword.arg in ("spec", "spec_set")]
            for value in {value for spec in specs for value in self._flow.values(spec, scope)}:
                if isinstance(value, ClassRef):
                    self._put(frozenset({Instance(value.cls)}), frozenset({Stub(site)}))

    def _hand_over(self, call: ast.Call, scope: Scope) -> None:
        """Note the functions among the arguments of a call of the library's."""
        callees = self._flow.values(call.func, scope)
        if not any(isinstance(v, FunctionRef | ClassRef | Instance) and not self._flow.is_own(v) for v in callees):
            return
        # What makes a coroutine function of a blocking one runs it in a thread.
        if any(isinstance(v, FunctionRef) and v.function in self._flow.makers for v in callees):
            return
        for argument in [*call.args, *(keyword.value for keyword in call.keywords)]:
            self._note_functions(self._flow.values(argument, scope), depth=3)

    def _note_functions(self, values: Values, depth: int) -> None:
        self.handed.update(v.function for v in values if isinstance(v, FunctionRef) and self._flow.is_own(v))
        for stub in (v for v in values if isinstance(v, Stub)):
            self._by_what_it_returns(stub)
        containers = frozenset(v for v in values if isinstance(v, Container))
        if containers and depth:
            self._note_functions(self._flow.elements(containers), depth - 1)

    def _by_what_it_returns(self, stub: Stub) -> None:
        """What a mock that is handed to the library stands for, where nothing but its return value says so."""
        returned = self._held(stub, "return_value")
        for rule in self._flow.rules.stands_for:
            if Instance(rule.returns) in returned and stub.site not in self.stubs:
                self.stubs[stub.site].add(rule.symbol)

    # -- what ------------------------------------------------------------------------------------------------------

    def _put(self, expected: Values, new: Values) -> None:
        # A user's callable, or any at all, is called as it is: nothing is expected of its form.
        if any(isinstance(value, Supplied | Opaque) or value in self._of_any_form for value in expected):
            return
        for own in _sorted(new):
            for value in _sorted(expected):
                if (value, own) not in self._done and value != own:
                    self._done.add((value, own))
                    self._stand_for(value, own)

    def _stand_for(self, expected: Value, own: Value) -> None:
        if isinstance(own, Stub):
            self._stub(expected, own)
        elif isinstance(expected, Instance | ClassRef) and type(expected) is type(own):
            assert isinstance(own, Instance | ClassRef)
            # Objects of one program are called by their own names: only what a library calls has to be like its own.
            if self._flow.is_own(expected) or not self._flow.is_own(own):
                return
            self._same_methods(self._flow.program.classes[expected.cls], self._flow.program.classes[own.cls])
        else:
            theirs, mine = self._called(expected), self._called(own)
            if theirs is not None and mine is not None and self._flow.program.owns(mine.symbol):
                self.pairs.append((theirs.symbol, mine.symbol))

    def _same_methods(self, expected: ClassInfo, own: ClassInfo) -> None:
        """Methods of the same name; those of a class that derives from what is expected are of one family anyway."""
        lineage = own.mro()
        if expected in lineage:
            return
        names = {name for cls in lineage if self._flow.program.owns(cls.symbol) for name in cls.methods}
        for name in sorted(names - {"__init__"}):
            theirs, mine = expected.find_method(name), own.find_method(name)
            if theirs is not None and mine is not None:
                self.pairs.append((theirs.symbol, mine.symbol))

    def _stub(self, expected: Value, own: Stub) -> None:
        if isinstance(expected, ClassRef):
            self._put(frozenset({Instance(expected.cls)}), self._held(own, "return_value"))
            return
        called = self._called(expected)
        if called is not None:
            self.stubs[own.site].add(called.symbol)
            effects = [v for v in self._held(own, "side_effect") if isinstance(v, FunctionRef)]
            self.pairs.extend((called.symbol, v.function) for v in effects if v.function != called.symbol)
        elif isinstance(expected, Instance):
            self.stubs[own.site].update(self._methods_used(expected, own))
            for name in sorted(self._flow.stub_attributes.get(own.site, ())):
                method = self._flow.program.classes[expected.cls].find_method(name)
                for value in self._held(own, name) if method is not None else ():
                    if isinstance(value, Stub) and method is not None:
                        self.stubs[value.site].add(method.symbol)

    def _methods_used(self, expected: Instance, own: Stub) -> Iterator[str]:
        """Methods of a class that the program speaks of on a mock that stands for an object of it."""
        cls = self._flow.program.classes[expected.cls]
        for name in sorted(self._flow.stub_attributes.get(own.site, ())):
            method = cls.find_method(name)
            if method is not None:
                yield method.symbol

    def _held(self, stub: Stub, name: str) -> Values:
        return frozenset(self._flow.held(("S", stub.site, name)))

    def _called(self, value: Value) -> FunctionInfo | None:
        """What runs when a value is called."""
        if isinstance(value, FunctionRef):
            return self._flow.program.functions[value.function]
        if isinstance(value, Instance):
            return self._flow.program.classes[value.cls].find_method("__call__")
        return None


def _called_in_any_form(library: Flow) -> Values:
    """Functions that the library calls through ``bind``: what stands for one of them may take settings, and wait."""
    calls = [(call, scope) for scope in library.scopes for call in scope.calls]
    bound = [(c, s) for c, s in calls if isinstance(c.func, ast.Name) and c.func.id == "bind" and c.args]
    return frozenset(v for c, s in bound for v in library.values(c.args[0], s) if isinstance(v, FunctionRef))


def _new_values(flow: Flow, scope: Scope, replacement: Replacement) -> Values:
    """What is put there: what the program names, or the mock that ``patch`` makes."""
    if replacement.value is not None:
        return flow.values(replacement.value, scope)
    made = flow.values(replacement.node, scope) if isinstance(replacement.node, ast.Call) else frozenset[Value]()
    return frozenset(value for value in made if isinstance(value, Stub))


def _nearest_of_library(flow: Flow, cls: ClassInfo) -> ClassInfo | None:
    return next((each for each in cls.mro() if not flow.program.owns(each.symbol)), None)


def _sorted(values: Values) -> list[Value]:
    return sorted(values, key=repr)
