"""A lambda that must wait becomes a nested coroutine function, defined right before its statement."""

from __future__ import annotations

import libcst as cst

from codemods.passes.base import FileContext, Pass
from codemods.passes.settings_parameters import add_settings
from codemods.plan import FunctionPlan


class Lambdas(Pass):
    name = "lambdas"

    def __init__(self, context: FileContext) -> None:
        super().__init__(context)
        self._pending: list[cst.FunctionDef] = []

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
            if self.plan.annotation == "Settings":
                self.context.imports.add(("dspy.dsp.utils.settings", "Settings"))
            parameters = add_settings(parameters, plan, self.plan.annotation, receiver=plan.receiver)
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
            return definitions[0].with_changes(leading_lines=lead)
        blank = cst.EmptyLine(indent=False)
        return cst.FlattenSentinel(
            [*(d.with_changes(leading_lines=[blank]) for d in definitions),
             updated.with_changes(leading_lines=[blank, *updated.leading_lines])]
        )  # fmt: skip

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
