"""A lambda that must wait becomes a nested coroutine function, defined right before its statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import libcst as cst

from codemods.passes.base import FileContext, Pass
from codemods.passes.settings_parameters import add_settings, annotation_of
from codemods.plan.model import FunctionPlan


class Lambdas(Pass):
    """Puts coroutine functions in the place of lambdas that wait."""

    name = "lambdas"

    def __init__(self, context: FileContext) -> None:
        super().__init__(context)
        self._pending: list[cst.FunctionDef] = []
        self._made: list[cst.BaseStatement] = []
        """The definitions that were put into the tree."""

    def leave_Lambda(self, original: cst.Lambda, updated: cst.Lambda) -> cst.BaseExpression:
        start = self.context.positions[original].start
        plan = self.plan.functions.get((start.line, start.column))
        if plan is None or plan.hoist is None:
            return updated
        self.context.done.add(("function", (start.line, start.column)))
        self._pending.append(self._definition(updated, plan))
        return cst.Name(plan.hoist)

    def _definition(self, node: cst.Lambda, plan: FunctionPlan) -> cst.FunctionDef:
        parameters = node.params
        if plan.settings:
            annotation = annotation_of(plan, self.plan.annotation, self.context.imports)
            parameters = add_settings(parameters, plan, annotation, receiver=plan.receiver)
        assert plan.hoist is not None
        return cst.FunctionDef(
            name=cst.Name(plan.hoist),
            params=parameters,
            body=cst.IndentedBlock([cst.SimpleStatementLine([cst.Return(node.body)])]),
            asynchronous=cst.Asynchronous(),
        )

    def leave_SimpleStatementLine(
        self, original: cst.SimpleStatementLine, updated: cst.SimpleStatementLine
    ) -> cst.BaseStatement | cst.FlattenSentinel[cst.BaseStatement]:
        if not self._pending:
            return updated
        definitions, self._pending = self._pending, []
        if len(definitions) == 1 and _only_names(updated, definitions[0]):
            lead = updated.leading_lines if updated.leading_lines else [cst.EmptyLine(indent=False)]
            header = updated.trailing_whitespace
            named = definitions[0].with_changes(
                leading_lines=lead, body=definitions[0].body.with_changes(header=header)
            )
            self._made.append(named)
            return named
        blank = cst.EmptyLine(indent=False)
        made = [definition.with_changes(leading_lines=[blank]) for definition in definitions]
        self._made += made
        return cst.FlattenSentinel([*made, updated.with_changes(leading_lines=[blank, *updated.leading_lines])])

    def leave_IndentedBlock(self, original: cst.IndentedBlock, updated: cst.IndentedBlock) -> cst.BaseSuite:
        """A program's definition that is the first of a body has no empty line before it, and one behind it."""
        if not self._made or self.plan.own_package:
            return updated
        body = [_set_apart(statement, before, self._made, 1) for before, statement in _pairs(updated.body)]
        if any(body[0] is each for each in self._made):
            first = cast("cst.FunctionDef", body[0])
            body[0] = first.with_changes(leading_lines=_without_blanks(first.leading_lines))
        return updated.with_changes(body=body)

    def leave_Module(self, original: cst.Module, updated: cst.Module) -> cst.Module:
        """At the top level two empty lines stand around a definition."""
        if not self._made or self.plan.own_package:
            return updated
        body: list[cst.BaseStatement] = []
        for before, statement in _pairs(cast("Sequence[cst.BaseStatement]", updated.body)):
            statement = _set_apart(statement, before, self._made, 2)
            if any(statement is each for each in self._made):
                statement = _with_blanks(statement, 2)
            body.append(statement)
        return updated.with_changes(body=body)

    def leave_SimpleStatementSuite(
        self, original: cst.SimpleStatementSuite, updated: cst.SimpleStatementSuite
    ) -> cst.BaseSuite:
        """A suite on the line of its ``if`` or ``for`` gets lines of its own, to hold the definition."""
        if not self._pending:
            return updated
        definitions, self._pending = self._pending, []
        blank = cst.EmptyLine(indent=False)
        statement = cst.SimpleStatementLine(
            updated.body, leading_lines=[blank], trailing_whitespace=updated.trailing_whitespace
        )
        first, *others = definitions
        return cst.IndentedBlock([first, *(d.with_changes(leading_lines=[blank]) for d in others), statement])


def _pairs(body: Sequence[cst.BaseStatement]) -> list[tuple[cst.BaseStatement | None, cst.BaseStatement]]:
    """Each statement with the one before it."""
    return list(zip([None, *body[:-1]], body, strict=True))


def _set_apart(
    statement: cst.BaseStatement, before: cst.BaseStatement | None, made: list[cst.BaseStatement], blanks: int
) -> cst.BaseStatement:
    """What follows a definition stands apart from it."""
    if any(statement is each for each in made) or not any(before is each for each in made):
        return statement
    return _with_blanks(statement, blanks)


def _with_blanks(statement: cst.BaseStatement, count: int) -> cst.BaseStatement:
    lines = cast("Sequence[cst.EmptyLine]", getattr(statement, "leading_lines", ()))
    blanks = [cst.EmptyLine(indent=False) for _ in range(count)]
    return statement.with_changes(leading_lines=[*blanks, *_without_blanks(lines)])


def _without_blanks(lines: Sequence[cst.EmptyLine]) -> list[cst.EmptyLine]:
    """Leading lines from the first comment on."""
    first = next((index for index, line in enumerate(lines) if line.comment is not None), len(lines))
    return list(lines[first:])


def _only_names(statement: cst.SimpleStatementLine, definition: cst.FunctionDef) -> bool:
    """Whether a statement does no more than give a definition the name it has."""
    node = statement.body[0]
    return (
        len(statement.body) == 1
        and isinstance(node, cst.Assign)
        and len(node.targets) == 1
        and all(
            isinstance(n, cst.Name) and n.value == definition.name.value for n in (node.targets[0].target, node.value)
        )
    )
