"""What a function gives back: what it returns or yields, and what its annotation says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codemods.program.annotations import annotated_values
from codemods.program.model import FunctionInfo
from codemods.program.values import YIELD, Container, Values

if TYPE_CHECKING:
    from codemods.program.flow import Flow


def returned_values(flow: Flow, function: FunctionInfo) -> Values:
    """What a call of ``function`` gives, once awaited."""
    if function.is_generator:
        return _generator(flow, function)
    returned = frozenset(flow.variables.held(("R", function.symbol)))
    for override in _generator_overrides(function):
        returned |= _generator(flow, override)
    annotation = getattr(function.node, "returns", None)
    if annotation is not None:
        returned |= annotated_values(flow, annotation, flow.scope_of[function.node])
    return returned


def _generator(flow: Flow, function: FunctionInfo) -> Values:
    site = f"{function.symbol}{YIELD}"
    flow.variables.add(("E", site), flow.variables.held(("Y", function.symbol)))
    return frozenset({Container(site)})


def _generator_overrides(function: FunctionInfo) -> list[FunctionInfo]:
    """Generators that are called where a method is that is none: one that only says what its overrides give."""
    below = function.owner.descendants() if function.owner is not None else []
    overrides = [cls.methods[function.name] for cls in below if function.name in cls.methods]
    return [override for override in overrides if override.is_generator]
