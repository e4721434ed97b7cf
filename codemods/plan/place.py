"""What is in scope at a place of the source."""

from __future__ import annotations

from dataclasses import dataclass

from codemods.program import FunctionInfo
from codemods.program.scopes import Scope


@dataclass
class Place:
    """What is in scope where a node stands: the settings expression, the function whose body runs, its scope."""

    settings: str | None
    scope: Scope
    depth: int = 0
    held: frozenset[str] = frozenset()
    """Names of the children of enclosing blocks."""
    clash: bool = False
    """Whether the name ``settings`` holds something else here."""
    hoistable: bool = False
    """Whether the place belongs to a simple statement, before which a definition can be put."""
    evaluated: bool = True
    """Whether the place is evaluated whenever its statement is."""

    @property
    def function(self) -> FunctionInfo | None:
        """The function whose body the place is in; None in a module or class."""
        return self.scope.function
