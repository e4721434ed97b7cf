"""``settings`` becomes the first parameter after ``self``, positional-only beside ``**kwargs``."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from codemods.passes.base import Pass
from codemods.plan import FunctionPlan

_SETTINGS_MODULE = "dspy.dsp.utils.settings"
_SUPPLIED_MODULE = "dspy.utils.supplied"


class SettingsParameters(Pass):
    name = "settings parameters"

    def leave_FunctionDef(self, original: cst.FunctionDef, updated: cst.FunctionDef) -> cst.FunctionDef:
        start = self.context.positions[original].start
        plan = self.plan.functions.get((start.line, start.column))
        if plan is None or not plan.settings:
            return updated
        if self.plan.annotation == "Settings":
            self.context.imports.add((_SETTINGS_MODULE, "Settings"))
        updated = updated.with_changes(
            params=add_settings(updated.params, plan, self.plan.annotation, receiver=plan.receiver)
        )
        if plan.checked:
            self.context.imports.add((_SUPPLIED_MODULE, "takes_settings"))
            decorator = cst.Decorator(cst.Name("takes_settings"))
            updated = updated.with_changes(decorators=_decorate(updated.decorators, decorator))
        return updated


def _decorate(decorators: Sequence[cst.Decorator], new: cst.Decorator) -> list[cst.Decorator]:
    """Innermost but for what must stay next to the function; ``staticmethod`` and the like stay outside."""
    return [*decorators, new]


def add_settings(
    parameters: cst.Parameters, plan: FunctionPlan, annotation: str | None, *, receiver: bool
) -> cst.Parameters:
    """``parameters`` with ``settings`` in its place, annotated if ``annotation`` is given."""
    annotated = cst.Annotation(cst.parse_expression(annotation)) if annotation is not None else None
    new = cst.Param(cst.Name("settings"), annotated)
    names = [p.name.value for p in parameters.params]
    before = next((names.index(name) for name in plan.before if name in names), None)
    if before is not None:
        return parameters.with_changes(params=_insert(parameters, parameters.params, before, new))
    index = 1 if receiver else 0
    if parameters.posonly_params:
        return parameters.with_changes(posonly_params=_insert(parameters, parameters.posonly_params, index, new))
    if not plan.positional_only:
        return parameters.with_changes(params=_insert(parameters, parameters.params, index, new))
    return _positional_only(parameters, index, new)


def _positional_only(parameters: cst.Parameters, index: int, new: cst.Param) -> cst.Parameters:
    head, tail = parameters.params[:index], parameters.params[index:]
    comma = _comma_of(parameters.params)
    leading = [*(p.with_changes(comma=comma) for p in head), new.with_changes(comma=comma)]
    more = bool(tail or parameters.kwonly_params or parameters.star_kwarg or isinstance(parameters.star_arg, cst.Param))
    slash = cst.ParamSlash(comma=comma if more else cst.MaybeSentinel.DEFAULT)
    return parameters.with_changes(posonly_params=leading, posonly_ind=slash, params=tail)


def _insert(whole: cst.Parameters, parameters: Sequence[cst.Param], index: int, new: cst.Param) -> list[cst.Param]:
    comma = _comma_of(parameters)
    items = list(parameters)
    followed = bool(
        whole.kwonly_params or whole.star_kwarg or whole.posonly_params or isinstance(whole.star_arg, cst.Param)
    )
    if index > 0 and isinstance(items[index - 1].comma, cst.MaybeSentinel):
        items[index - 1] = items[index - 1].with_changes(comma=comma)
    last = index == len(items) and not followed
    items.insert(index, new if last else new.with_changes(comma=comma))
    return items


def _comma_of(parameters: Sequence[cst.Param]) -> cst.Comma:
    """The comma these parameters are separated by, so that one parameter a line stays so."""
    for parameter in parameters:
        if isinstance(parameter.comma, cst.Comma):
            return _without_comment(parameter.comma)
    return cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))


def _without_comment(comma: cst.Comma) -> cst.Comma:
    after = comma.whitespace_after
    if isinstance(after, cst.ParenthesizedWhitespace) and after.first_line.comment is not None:
        return comma.with_changes(
            whitespace_after=after.with_changes(
                first_line=cst.TrailingWhitespace(newline=after.first_line.newline), empty_lines=[]
            )
        )
    return comma
