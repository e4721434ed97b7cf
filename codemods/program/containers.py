"""Containers, one for each place that makes them: displays, comprehensions, their elements and methods."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from codemods.program.attributes import attribute_values
from codemods.program.scopes import Scope
from codemods.program.values import NOTHING, OBJECT, YIELD, ClassRef, Container, External, Instance, Value, Values

if TYPE_CHECKING:
    from codemods.program.flow import Flow


_CONTAINER_SAME = frozenset({"values", "copy", "keys", "__iter__", "most_common", "union"})
_CONTAINER_ELEMENT = frozenset({"get", "pop", "setdefault", "popleft", "__getitem__"})


def drawn_container(flow: Flow, container: Container) -> Container:
    """What ``list`` and the like make of a generator is no generator any more."""
    if not container.site.endswith(YIELD):
        return container
    site = f"{container.site}:drawn"
    flow.variables.add(("E", site), flow.variables.held(("E", container.site)))
    return Container(site)


def made_container(flow: Flow, node: ast.Call, scope: Scope, arguments: list[Values]) -> Values:
    """What ``list(x)``, ``dict(a=x)`` and the like make."""
    site = f"{scope.module.path}:{node.lineno}:{node.col_offset}:made"
    for values in arguments:
        flow.variables.add(("E", site), element_values(flow, values))
    for keyword in node.keywords:
        flow.variables.add(("E", site), flow.values(keyword.value, scope))
    return frozenset({Container(site)})


def tuples(flow: Flow, node: ast.Call, scope: Scope, columns: list[Values]) -> Values:
    """What ``zip``, ``enumerate`` and ``items`` give: tuples whose places are told apart."""
    site = f"{scope.module.path}:{node.lineno}:{node.col_offset}:tuples"
    flow.variables.add(("E", site), frozenset({Container(f"{site}:item")}))
    flow.variables.tell_places_apart(f"{site}:item")
    for index, column in enumerate(columns):
        flow.variables.add_at(f"{site}:item", index, column)
        flow.variables.add(("E", f"{site}:item"), column)
    return frozenset({Container(site)})


def container_method(flow: Flow, node: ast.Call, function: ast.Attribute, scope: Scope) -> Values:
    """What a method of containers gives, such as ``pop``; nothing if none is called."""
    containers = frozenset(v for v in flow.values(function.value, scope) if isinstance(v, Container))
    if not containers:
        return NOTHING
    if function.attr in _CONTAINER_SAME:
        return containers
    if function.attr in _CONTAINER_ELEMENT:
        return element_values(flow, containers)
    if function.attr == "items":
        return tuples(flow, node, scope, [frozenset({OBJECT}), element_values(flow, containers)])
    return frozenset({OBJECT})


def element_values(flow: Flow, values: Values) -> Values:
    """What iterating or subscripting ``values`` gives."""
    found: set[Value] = set()
    for value in values:
        if isinstance(value, Container):
            found |= flow.variables.held(("E", value.site))
        elif isinstance(value, External):
            found.add(value.called())
    return frozenset(found)


def item_values(flow: Flow, values: Values, index: int) -> Values:
    """What ``values[index]`` gives: that place of a tuple, or any element."""
    found: set[Value] = set()
    for value in values:
        if isinstance(value, Container):
            found |= flow.variables.held_at(value.site, index)
        elif isinstance(value, External):
            found.add(value.called())
    return frozenset(found)


def subscript_values(flow: Flow, node: ast.Subscript, scope: Scope) -> Values:
    """What ``x[y]`` may hold in a scope."""
    base = flow.values(node.value, scope)
    if any(isinstance(v, ClassRef) for v in base):
        return base
    if isinstance(node.slice, ast.Slice):
        return base
    settings = [v for v in base if isinstance(v, Instance) and v.cls == flow.rules.settings.class_symbol]
    if isinstance(node.slice, ast.Constant):
        if settings and isinstance(node.slice.value, str):
            return attribute_values(flow, settings[0], node.slice.value)
        if isinstance(node.slice.value, int) and node.slice.value >= 0:
            return item_values(flow, base, node.slice.value)
    return element_values(flow, base)


def display_values(flow: Flow, node: ast.List | ast.Tuple | ast.Set, scope: Scope) -> Values:
    """A list, tuple or set as it is written out."""
    site = f"{scope.module.path}:{node.lineno}:{node.col_offset}:{type(node).__name__}"
    has_places = isinstance(node, ast.Tuple) and not any(isinstance(element, ast.Starred) for element in node.elts)
    if has_places:
        flow.variables.tell_places_apart(site)
    for index, element in enumerate(node.elts):
        if isinstance(element, ast.Starred):
            flow.variables.add(("E", site), element_values(flow, flow.values(element.value, scope)))
            continue
        values = flow.values(element, scope)
        flow.variables.add(("E", site), values)
        if has_places:
            flow.variables.add_at(site, index, values)
    return frozenset({Container(site)})


def dict_values(flow: Flow, node: ast.Dict, scope: Scope) -> Values:
    """A dictionary as it is written out; its elements are its values."""
    site = f"{scope.module.path}:{node.lineno}:{node.col_offset}:dict"
    for key, value in zip(node.keys, node.values, strict=True):
        values = flow.values(value, scope)
        flow.variables.add(("E", site), element_values(flow, values) if key is None else values)
    return frozenset({Container(site)})


def comprehension_values(
    flow: Flow, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp, scope: Scope
) -> Values:
    """What a comprehension or generator expression makes."""
    site = f"{scope.module.path}:{node.lineno}:{node.col_offset}:comprehension"
    element = node.value if isinstance(node, ast.DictComp) else node.elt
    flow.variables.add(("E", site), flow.values(element, scope))
    return frozenset({Container(site)})
