"""What an attribute holds: of objects, classes, modules, ``super()`` and mocks."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from codemods.program.annotations import annotated_values
from codemods.program.model import ClassInfo, FunctionInfo
from codemods.program.name_values import global_values, target_values
from codemods.program.names import module_attribute
from codemods.program.returns import returned_values
from codemods.program.scopes import Scope
from codemods.program.values import (
    NOTHING,
    OBJECT,
    ClassRef,
    External,
    FunctionRef,
    Instance,
    ModuleRef,
    Plain,
    Stub,
    SuperRef,
    Supplied,
    Value,
    Values,
)

if TYPE_CHECKING:
    from codemods.program.flow import Flow


_ASKED_OFTEN = (Instance, ClassRef, ModuleRef, SuperRef)


def attribute_expression(flow: Flow, node: ast.Attribute, scope: Scope) -> Values:
    """What ``x.name`` may hold in a scope."""
    found: set[Value] = set()
    for base in flow.values(node.value, scope):
        found |= attribute_values(flow, base, node.attr)
    if not found and node.attr.startswith("__") and node.attr.endswith("__") and node.attr != "__call__":
        return frozenset({OBJECT})
    return frozenset(found)


def attribute_values(flow: Flow, base: Value, name: str) -> Values:
    """The values of ``base.name``."""
    if isinstance(base, _ASKED_OFTEN):
        return flow.variables.answered((base, name), lambda: _attribute_of(flow, base, name))
    return _attribute_of(flow, base, name)


def _attribute_of(flow: Flow, base: Value, name: str) -> Values:
    if isinstance(base, External):
        return frozenset({base.attribute(name)})
    if isinstance(base, ModuleRef):
        values = (
            global_values(flow, base.name, name) if name in flow.program.module_names.get(base.name, set()) else NOTHING
        )
        return values or _module_attribute(flow, base.name, name)
    if isinstance(base, Instance):
        return _instance_attribute(flow, flow.program.classes[base.cls], name)
    if isinstance(base, ClassRef):
        return _class_attribute(flow, flow.program.classes[base.cls], name)
    if isinstance(base, SuperRef):
        return _super_attribute(flow, flow.program.classes[base.cls], name)
    if isinstance(base, Stub):
        flow.stub_attributes[base.site].add(name)
        return frozenset(flow.variables.held(("S", base.site, name))) or frozenset({OBJECT})
    if isinstance(base, FunctionRef | Plain) and name.startswith("__"):
        return frozenset({OBJECT})
    return NOTHING


def _module_attribute(flow: Flow, module: str, name: str) -> Values:
    target = module_attribute(flow.program, module, name)
    return target_values(flow, target) if target is not None else NOTHING


def _instance_attribute(flow: Flow, cls: ClassInfo, name: str) -> Values:
    if name == "__class__":
        return frozenset({ClassRef(cls.symbol)})
    typed = _settings_value(flow, cls, name)
    if typed:
        return typed
    found = _member(flow, cls.mro(), name, bound=True)
    if not found:
        found = frozenset(v for sub in cls.descendants() for v in _member(flow, [sub], name, bound=True))
    if not found and cls.has_external_base():
        return frozenset({OBJECT})
    return found


def _settings_value(flow: Flow, cls: ClassInfo, name: str) -> Values:
    settings = flow.rules.settings
    if cls.symbol != settings.class_symbol or name not in settings.values:
        return NOTHING
    kind = settings.values[name]
    if kind == "supplied":
        return frozenset({Supplied(name)})
    return frozenset({Instance(kind)}) if kind in flow.program.classes else frozenset({External(kind)})


def _member(flow: Flow, classes: list[ClassInfo], name: str, *, bound: bool) -> Values:
    found: set[Value] = set()
    method_found = False
    for cls in classes:
        method = cls.methods.get(name)
        if method is not None and not method_found:
            method_found = True
            found |= _method_value(flow, method, bound)
        found |= flow.variables.held(("A", cls.symbol, name))
        if name in cls.annotations:
            found |= annotated_values(flow, cls.annotations[name], flow.scope_of[cls.node])
    return frozenset(found)


def _method_value(flow: Flow, method: FunctionInfo, bound: bool) -> Values:
    if method.is_property:
        return returned_values(flow, method)
    every = [method, *flow.program.further.get(method.symbol, ())]
    return frozenset(FunctionRef(each.symbol, bound and not each.is_static) for each in every)


def _class_attribute(flow: Flow, cls: ClassInfo, name: str) -> Values:
    method = cls.find_method(name)
    found = _member(flow, cls.mro(), name, bound=method is not None and method.is_classmethod)
    if not found:
        found = _nested_class(flow, cls, name)
    if not found and cls.has_external_base():
        return frozenset({OBJECT})
    return found


def _nested_class(flow: Flow, cls: ClassInfo, name: str) -> Values:
    nested = flow.program.classes.get(f"{cls.symbol}.{name}")
    return frozenset({ClassRef(nested.symbol)}) if nested is not None else NOTHING


def _super_attribute(flow: Flow, cls: ClassInfo, name: str) -> Values:
    found = _member(flow, cls.mro()[1:], name, bound=True)
    return found or frozenset({OBJECT})
