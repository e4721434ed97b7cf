"""What becomes of loops and generator expressions, and where an asynchronous one cannot stand."""

from __future__ import annotations

import ast

from codemods.asynchronous import asynchronous_generators
from codemods.plan.context import Context
from codemods.plan.place import Place
from codemods.program.build import dotted
from codemods.syntax import walk

EAGER_CONSUMERS = frozenset(
    {"list", "tuple", "set", "frozenset", "sum", "min", "max", "sorted", "dict", "join", "Counter", "array"}
)
"""Callees that draw everything from the generator that they are handed, at once."""
_SEARCHES = {"any": 1, "all": 1, "next": 2}
"""Builtins that ask a generator for no more than they need, with the number of their arguments."""


def plan_iteration(context: Context, node: ast.expr, place: Place) -> None:
    """What is looped over: asynchronous, plain, or a finding where it may be either."""
    generators, others = asynchronous_generators(context.coloring, node, place.scope)
    if generators and others:
        context.finding("generator", node, f"{ast.unparse(node)} may be asynchronous or plain, and is looped over")
    elif generators:
        context.file.iterations.add(context.range(node))


def note_drawn(context: Context, node: ast.expr, whole: ast.AST, place: Place) -> None:
    """An asynchronous generator where only a plain one will do."""
    generators = asynchronous_generators(context.coloring, node, place.scope)[0]
    # Who hands out what is asynchronous in the source knows what it is handed to.
    if any(not generator.is_async for generator in generators):
        text = ast.unparse(whole)
        context.finding("generator", node, f"{ast.unparse(node)} is asynchronous, and here cannot be: {text}")


def search_of(context: Context, node: ast.Call, place: Place) -> ast.GeneratorExp | None:
    """The generator expression of which ``any``, ``all`` or ``next`` takes what it needs, where it may wait."""
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if len(node.args) != _SEARCHES.get(name, -1) or node.keywords or not context.can_await(place):
        return None
    builtin = not context.coloring.flow.functions(node.func, place.scope)
    first = node.args[0]
    return first if builtin and isinstance(first, ast.GeneratorExp) else None


def is_asynchronous(context: Context, node: ast.GeneratorExp) -> bool:
    """Whether a generator expression waits; the iterable of its first ``for`` is evaluated before it is made."""
    first, *others = node.generators
    parts = [node.elt, *first.ifs, *others]
    loops = any(c.is_async or context.range(c.iter) in context.file.iterations for c in node.generators)
    return loops or any(_waits_inside(context, part) for part in parts)


def _waits_inside(context: Context, node: ast.AST) -> bool:
    for child in walk(node):
        if isinstance(child, ast.Await) or (isinstance(child, ast.Call) and context.plan_of(child).awaited):
            return True
    return False


def note_lost_settings(context: Context, node: ast.Yield, place: Place) -> None:
    """A context manager or fixture that yields inside of a block hands its settings out, or they are lost."""
    if context.file.own_package or not place.depth or place.function is None or place.settings is None:
        return
    fixture = any(d.split(".")[-1] == "fixture" for d in place.function.decorators)
    handed = node.value is not None and any(
        dotted(part) == place.settings for part in walk(node.value) if isinstance(part, ast.Name | ast.Attribute)
    )
    if (fixture or place.function.is_contextmanager) and not handed:
        text = f"what runs while {place.function.name} yields is not handed the settings of its block"
        context.finding("settings-context", node, text)


def plan_delegation(context: Context, node: ast.YieldFrom, place: Place, item: str) -> None:
    """``yield from`` of an asynchronous generator becomes a loop; ``item`` is the name of what it yields."""
    generators, _ = context.coloring.flow.generators(node.value, place.scope)
    if any(generator.is_sent_values for generator in generators):
        context.finding("generator", node, f"what is sent to it does not reach {ast.unparse(node.value)}")
    plan_iteration(context, node.value, place)
    context.file.delegations[context.range(node)] = item


def waits_in_source(node: ast.GeneratorExp) -> bool:
    """Whether a generator expression is asynchronous as it is written."""
    first, *others = node.generators
    parts = [node.elt, *first.ifs, *others]
    waits = any(isinstance(child, ast.Await) for part in parts for child in walk(part))
    return waits or any(bool(loop.is_async) for loop in node.generators)
