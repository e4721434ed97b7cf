"""Runs all passes over a file in one walk of its tree."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from codemods.errors import ToolError
from codemods.passes.awaits import Awaits
from codemods.passes.base import FileContext, Pass
from codemods.passes.blocking import Blocking
from codemods.passes.bridges import Bridges
from codemods.passes.comprehensions import Comprehensions
from codemods.passes.definitions import Definitions
from codemods.passes.delegations import Delegations
from codemods.passes.docstrings import Docstrings
from codemods.passes.imports import fix_imports
from codemods.passes.lambdas import Lambdas
from codemods.passes.mocks import Mocks
from codemods.passes.relays import Relays
from codemods.passes.searches import Searches
from codemods.passes.settings_arguments import SettingsArguments
from codemods.passes.settings_contexts import SettingsContexts
from codemods.passes.settings_parameters import SettingsParameters
from codemods.passes.shadowing_imports import ShadowingImports
from codemods.passes.strings import Strings
from codemods.passes.supplied import Supplied
from codemods.passes.test_markers import TestMarkers
from codemods.plan.model import FilePlan, Range
from codemods.program.model import Position

PASSES: tuple[type[Pass], ...] = (
    Definitions,
    SettingsParameters,
    SettingsArguments,
    Mocks,
    SettingsContexts,
    ShadowingImports,
    Supplied,
    Blocking,
    Comprehensions,
    Searches,
    Delegations,
    Bridges,
    Relays,
    Awaits,
    Lambdas,
    Docstrings,
    Strings,
    TestMarkers,
)
"""In the order in which they see each node."""

Leave = Callable[[cst.CSTNode, cst.CSTNode], cst.CSTNode]


class PlanNotCarriedOutError(ToolError):
    """An edit that was planned found nothing in the tree: a defect of the toolchain."""


class _Walk(cst.CSTTransformer):
    """Hands each node, on leaving, to the passes that ask for its type. Statements without an edit are not entered."""

    def __init__(self, passes: list[Pass], context: FileContext) -> None:
        super().__init__()
        self._context = context
        self._lines = sorted({_line(place) for _, place in _planned(context.plan)})
        self._handlers: dict[str, list[Leave]] = defaultdict(list)
        for each in passes:
            for attribute in dir(each):
                if attribute.startswith("leave_"):
                    self._handlers[attribute.removeprefix("leave_")].append(getattr(each, attribute))

    def on_visit(self, node: cst.CSTNode) -> bool:
        return not isinstance(node, cst.BaseStatement) or self._has_edits(node)

    def _has_edits(self, node: cst.BaseStatement) -> bool:
        place = self._context.positions[node]
        decorators = node.decorators if isinstance(node, cst.FunctionDef | cst.ClassDef) else ()
        # A definition's own place begins behind its decorators.
        first = self._context.positions[decorators[0]].start.line if decorators else place.start.line
        index = bisect_left(self._lines, first)
        return index < len(self._lines) and self._lines[index] <= place.end.line

    # LibCST types this by node; here each handler knows its own type, and one loop serves all.
    def on_leave(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, original_node: cst.CSTNode, updated_node: cst.CSTNode
    ) -> cst.CSTNode:
        for handler in self._handlers.get(type(original_node).__name__, ()):
            updated_node = handler(original_node, updated_node)
        return updated_node


def run_passes(
    text: str, plan: FilePlan, *, module_name: str, kept: set[str] | None = None, original: str | None = None
) -> str:
    """The text of one file after its plan was carried out.

    ``kept`` are names that other modules import from it; ``original`` is the text whose unused imports may
    stay. Raises :class:`PlanNotCarriedOutError`."""
    if plan.is_empty and original in (None, text):
        return text
    if plan.is_empty:  # Merging twins alone has changed it, and left imports that only one of the two used.
        return fix_imports(cst.parse_module(text), set(), original or text, module_name, kept or set())
    wrapper = MetadataWrapper(cst.parse_module(text), unsafe_skip_copy=True)
    context = FileContext(plan, wrapper.resolve(PositionProvider), set(plan.imports))
    module = wrapper.module.visit(_Walk([each(context) for each in PASSES], context))
    _check(context)
    return fix_imports(module, context.imports, original or text, module_name, kept or set())


def _planned(plan: FilePlan) -> set[tuple[str, Position | Range]]:
    """The edits of a file, by kind and place."""
    return {
        *(("function", place) for place in plan.functions),
        *(("call", place) for place in plan.calls),
        *(("read", place) for place in plan.reads),
        *(("with", place) for place in plan.withs),
        *(("iteration", place) for place in plan.iterations),
        *(("yield from", place) for place in plan.delegations),
        *(("list", place) for place in plan.to_list),
        *(("docstring", place) for place in plan.docstrings),
        *(("string", place) for place in plan.strings),
        *(("number", place) for place in plan.numbers),
        *(("marker", place) for place in plan.markers),
        *(("fixture", place) for place in plan.fixtures),
        *(("renamed", place) for place in plan.renamed),
        *(("import", place) for place in plan.shadowing),
        *(("bare await", place) for place in plan.bare_awaits),
    }


def _line(place: Position | Range) -> int:
    return place[0]


def _check(context: FileContext) -> None:
    missed = sorted(_planned(context.plan) - context.done, key=str)
    if missed:
        places = ", ".join(f"{kind} at {place}" for kind, place in missed)
        raise PlanNotCarriedOutError(
            f"{context.plan.path}: planned edits found nothing to edit: {places}",
            remedy="This is a defect of the toolchain: please report it with the release it happened on.",
        )
