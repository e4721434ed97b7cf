"""``def`` becomes ``async def``; a context manager that waits becomes an asynchronous one."""

from __future__ import annotations

import libcst as cst

from codemods.passes.base import Pass
from codemods.plan.model import ITERATORS


class Definitions(Pass):
    """Makes functions coroutine functions, with their decorators, names and annotations."""

    name = "definitions"

    def leave_FunctionDef(self, original: cst.FunctionDef, updated: cst.FunctionDef) -> cst.FunctionDef:
        start = self.context.positions[original].start
        plan = self.plan.functions.get((start.line, start.column))
        if plan is None:
            return updated
        self.context.done.add(("function", (start.line, start.column)))
        if plan.make_async:
            updated = updated.with_changes(asynchronous=cst.Asynchronous())
        if plan.name is not None:
            updated = updated.with_changes(name=updated.name.with_changes(value=plan.name))
        if plan.async_contextmanager:
            self.context.imports.add(("contextlib", "asynccontextmanager"))
            updated = updated.with_changes(decorators=[_asynchronous(d) for d in updated.decorators])
        if plan.iterator_module is not None:
            updated = self._annotated(updated, plan.iterator_module)
        return updated

    def _annotated(self, node: cst.FunctionDef, module: str) -> cst.FunctionDef:
        """``-> Iterator[X]`` of what became asynchronous is ``-> AsyncIterator[X]``."""
        assert node.returns is not None and isinstance(node.returns.annotation, cst.Subscript)
        subscript = node.returns.annotation
        named = subscript.value.attr if isinstance(subscript.value, cst.Attribute) else subscript.value
        if not isinstance(named, cst.Name) or named.value not in ITERATORS:
            return node
        name = cst.Name(ITERATORS[named.value])
        if isinstance(subscript.value, cst.Attribute):
            value: cst.BaseExpression = subscript.value.with_changes(attr=name)
        else:
            value = name
            self.context.imports.add((module, name.value))
        # An asynchronous generator returns nothing: its annotation does not say what.
        elements = subscript.slice[:2]
        elements = [*elements[:-1], elements[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)]
        annotation = subscript.with_changes(value=value, slice=elements)
        return node.with_changes(returns=node.returns.with_changes(annotation=annotation))


def _asynchronous(decorator: cst.Decorator) -> cst.Decorator:
    expression = decorator.decorator
    if isinstance(expression, cst.Name) and expression.value == "contextmanager":
        return decorator.with_changes(decorator=cst.Name("asynccontextmanager"))
    if isinstance(expression, cst.Attribute) and expression.attr.value == "contextmanager":
        return decorator.with_changes(decorator=cst.Name("asynccontextmanager"))
    return decorator
