"""``def`` becomes ``async def``; a context manager that waits becomes an asynchronous one."""

from __future__ import annotations

import libcst as cst

from codemods.passes.base import Pass


class Definitions(Pass):
    name = "definitions"

    def leave_FunctionDef(self, original: cst.FunctionDef, updated: cst.FunctionDef) -> cst.FunctionDef:
        start = self.context.positions[original].start
        plan = self.plan.functions.get((start.line, start.column))
        if plan is None:
            return updated
        self.context.done.add(("function", (start.line, start.column)))
        if plan.make_async:
            updated = updated.with_changes(asynchronous=cst.Asynchronous())
        if plan.async_contextmanager:
            self.context.imports.add(("contextlib", "asynccontextmanager"))
            updated = updated.with_changes(decorators=[_asynchronous(d) for d in updated.decorators])
        return updated


def _asynchronous(decorator: cst.Decorator) -> cst.Decorator:
    expression = decorator.decorator
    if isinstance(expression, cst.Name) and expression.value == "contextmanager":
        return decorator.with_changes(decorator=cst.Name("asynccontextmanager"))
    if isinstance(expression, cst.Attribute) and expression.attr.value == "contextmanager":
        return decorator.with_changes(decorator=cst.Name("asynccontextmanager"))
    return decorator
