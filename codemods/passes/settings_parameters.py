"""``settings`` becomes the first parameter after ``self``, positional-only beside ``**kwargs``."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from codemods.passes.base import Pass
from codemods.plan.model import FunctionPlan
from codemods.program.settings_parameters import SETTINGS

_SETTINGS_MODULE = "dspy.dsp.utils.settings"
Whitespace = cst.BaseParenthesizableWhitespace
_SUPPLIED_MODULE = "dspy.utils.supplied"


class SettingsParameters(Pass):
    """Gives functions a parameter for settings."""

    name = "settings parameters"

    def leave_FunctionDef(self, original: cst.FunctionDef, updated: cst.FunctionDef) -> cst.FunctionDef:
        start = self.context.positions[original].start
        plan = self.plan.functions.get((start.line, start.column))
        if plan is None or not plan.settings:
            return updated
        annotation = annotation_of(plan, self.plan.annotation, self.context.imports)
        updated = updated.with_changes(
            params=add_settings(
                updated.params,
                plan,
                annotation,
                receiver=plan.receiver,
                lead=updated.whitespace_before_params,
            )
        )
        if plan.checked:
            self.context.imports.add((_SUPPLIED_MODULE, "takes_settings"))
            decorator = cst.Decorator(cst.Name("takes_settings"))
            updated = updated.with_changes(decorators=_decorate(updated.decorators, decorator))
        return updated


def annotation_of(plan: FunctionPlan, annotation: str | None, imports: set[tuple[str, str | None]]) -> str | None:
    """How a settings parameter is annotated, with the imports that it takes.

    One with a name of its own has an annotation in any case: it is all that the package knows it by.
    """
    if annotation == "Settings":
        imports.add((_SETTINGS_MODULE, "Settings"))
    if annotation is None and plan.settings_name != SETTINGS:
        imports.add(("dspy", None))
        return "dspy.Settings"
    return annotation


def _decorate(decorators: Sequence[cst.Decorator], new: cst.Decorator) -> list[cst.Decorator]:
    """Innermost but for what must stay next to the function; ``staticmethod`` and the like stay outside."""
    return [*decorators, new]


def add_settings(
    parameters: cst.Parameters,
    plan: FunctionPlan,
    annotation: str | None,
    *,
    receiver: bool,
    lead: Whitespace | None = None,
) -> cst.Parameters:
    """``parameters`` with ``settings`` in its place, annotated if ``annotation`` is given.

    ``lead`` is what stands between the parenthesis and the first parameter."""
    annotated = cst.Annotation(cst.parse_expression(annotation)) if annotation is not None else None
    new = cst.Param(cst.Name(plan.settings_name), annotated)
    names = [p.name.value for p in parameters.params]
    before = next((names.index(name) for name in plan.before if name in names), None)
    if before is not None:
        return parameters.with_changes(params=_insert(parameters, parameters.params, before, new, lead))
    index = 1 if receiver else 0
    if parameters.posonly_params:
        return parameters.with_changes(posonly_params=_insert(parameters, parameters.posonly_params, index, new, lead))
    if not plan.positional_only:
        return parameters.with_changes(params=_insert(parameters, parameters.params, index, new, lead))
    return _positional_only(parameters, index, new, lead)


def _positional_only(parameters: cst.Parameters, index: int, new: cst.Param, lead: Whitespace | None) -> cst.Parameters:
    head, tail = parameters.params[:index], parameters.params[index:]
    comma = _comma_of(parameters.params, lead)
    leading = [*(p.with_changes(comma=comma) for p in head), new.with_changes(comma=comma)]
    more = bool(tail or parameters.kwonly_params or parameters.star_kwarg or isinstance(parameters.star_arg, cst.Param))
    slash = cst.ParamSlash(comma=comma if more else cst.MaybeSentinel.DEFAULT)
    return parameters.with_changes(posonly_params=leading, posonly_ind=slash, params=tail)


def _insert(
    whole: cst.Parameters, parameters: Sequence[cst.Param], index: int, new: cst.Param, lead: Whitespace | None
) -> list[cst.Param]:
    comma = _comma_of(parameters, lead)
    items = list(parameters)
    followed = bool(
        whole.kwonly_params or whole.star_kwarg or whole.posonly_params or isinstance(whole.star_arg, cst.Param)
    )
    last = index == len(items) and not followed
    if index > 0:
        items[index - 1], new = _behind(items[index - 1], new, comma, last=last)
    elif not last:
        new = new.with_changes(comma=comma)
    items.insert(index, new)
    return items


def _behind(before: cst.Param, new: cst.Param, comma: cst.Comma, *, last: bool) -> tuple[cst.Param, cst.Param]:
    """Two parameters in a row: what stood between the first and the next, or the parenthesis, follows the second."""
    if last:
        moved = {"comma": before.comma, "whitespace_after_param": before.whitespace_after_param}
        return before.with_changes(comma=comma, whitespace_after_param=cst.SimpleWhitespace("")), new.with_changes(
            **moved
        )
    if not isinstance(before.comma, cst.Comma):
        return before.with_changes(comma=comma), new.with_changes(comma=comma)
    after = before.comma.whitespace_after
    if not isinstance(after, cst.ParenthesizedWhitespace):
        return before, new.with_changes(comma=before.comma)
    beside = before.comma.with_changes(whitespace_after=after.with_changes(empty_lines=[]))
    plain = after.with_changes(first_line=cst.TrailingWhitespace(newline=after.first_line.newline))
    return before.with_changes(comma=beside), new.with_changes(comma=before.comma.with_changes(whitespace_after=plain))


def _comma_of(parameters: Sequence[cst.Param], lead: Whitespace | None) -> cst.Comma:
    """The comma these parameters are separated by, so that one parameter a line stays so.

    What follows the last one is the parenthesis; of a single one, ``lead`` tells how it is laid out."""
    for parameter in parameters[:-1]:
        if isinstance(parameter.comma, cst.Comma):
            return _without_comment(parameter.comma)
    if isinstance(lead, cst.ParenthesizedWhitespace):
        return cst.Comma(whitespace_after=_plain(lead))
    if lead is None and parameters and isinstance(parameters[-1].comma, cst.Comma):
        return _without_comment(parameters[-1].comma)
    return cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))


def _without_comment(comma: cst.Comma) -> cst.Comma:
    after = comma.whitespace_after
    return (
        comma.with_changes(whitespace_after=_plain(after)) if isinstance(after, cst.ParenthesizedWhitespace) else comma
    )


def _plain(whitespace: cst.ParenthesizedWhitespace) -> cst.ParenthesizedWhitespace:
    """A line's end and the indent of the next, without comments and empty lines."""
    line = cst.TrailingWhitespace(newline=whitespace.first_line.newline)
    return whitespace.with_changes(first_line=line, empty_lines=[])
