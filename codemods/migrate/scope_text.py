"""A scope of a program whose text is being rewritten, with what is worked out of its module when it is first needed."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from codemods.coloring import Coloring
from codemods.migrate.rewriting import Places
from codemods.program import ModuleInfo
from codemods.program.scopes import Scope

Waits = Callable[[ast.expr, Scope], bool]
"""Whether calling what an expression holds makes a coroutine."""


class ModuleText:
    """Where the nodes of a module stand, and what they stand in. Most modules are never asked."""

    def __init__(self, module: ModuleInfo) -> None:
        self.module = module

    @cached_property
    def places(self) -> Places:
        """Where each node stands in the text."""
        return Places(self.module)

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """What each node stands in."""
        return {child: node for node in ast.walk(self.module.tree) for child in ast.iter_child_nodes(node)}


@dataclass(frozen=True)
class ScopeText:
    """One scope of a module's.

    Args:
        coloring: the colours of the program.
        scope: the scope.
        text: its module's text.
        waits: whether calling what an expression holds makes a coroutine.
        code: the code of the rule that its edits are made by.
    """

    coloring: Coloring
    scope: Scope
    text: ModuleText
    waits: Waits
    code: str

    @property
    def places(self) -> Places:
        """Where each node of the module stands in its text."""
        return self.text.places

    @property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """What each node of the module stands in."""
        return self.text.parents
