"""What a pass is: a set of ``leave_*`` methods that carry out one kind of edit of a file's plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import libcst as cst
from libcst.metadata import CodeRange

from codemods.plan.model import FilePlan, Range


@dataclass
class FileContext:
    """What the passes of one file share: its plan, where nodes stand, the imports that the output needs."""

    plan: FilePlan
    positions: Mapping[cst.CSTNode, CodeRange]
    imports: set[tuple[str, str | None]] = field(default_factory=set[tuple[str, str | None]])
    """``(module, name)``; the name is None for ``import module``."""
    done: set[tuple[str, object]] = field(default_factory=set[tuple[str, object]])
    """Plan entries that were carried out, by kind and place."""

    def range(self, node: cst.CSTNode) -> Range:
        """Where ``ast`` has the node: parentheses belong to it where the syntax needs them."""
        place = self.positions[node]
        start, end = place.start, place.end
        if isinstance(node, cst.Tuple | cst.GeneratorExp) and node.lpar:
            start, end = self.positions[node.lpar[-1]].start, self.positions[node.rpar[0]].end
        return start.line, start.column, end.line, end.column


class Pass:
    """One transformation. Subclasses define ``leave_<Node>(original, updated)`` methods, as LibCST transformers do.

    All passes of a file run in one walk; for each node in the order in which they are listed.
    """

    name: ClassVar[str]

    def __init__(self, context: FileContext) -> None:
        self.context = context

    @property
    def plan(self) -> FilePlan:
        """The plan of the file."""
        return self.context.plan


def parse(expression: str) -> cst.BaseExpression:
    """An expression from its text."""
    return cst.parse_expression(expression)
