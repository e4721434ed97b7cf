"""Calls hand on the settings in scope; reads of the process's object become reads of them."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from codemods.passes.base import Pass, parse

_WIDTH = 100
"""Columns that a line of arguments may fill."""


class SettingsArguments(Pass):
    """Hands settings over in calls."""

    name = "settings arguments"

    def leave_Call(self, original: cst.Call, updated: cst.BaseExpression) -> cst.BaseExpression:
        place = self.context.range(original)
        plan = self.plan.calls.get(place)
        if plan is None:
            return updated
        self.context.done.add(("call", place))
        if plan.settings is None or not isinstance(updated, cst.Call):
            return updated
        if plan.settings.startswith("dspy."):
            self.context.imports.add(("dspy", None))
        positional = sum(argument.keyword is None and argument.star != "**" for argument in updated.args)
        if plan.before and positional < plan.index:
            return updated.with_changes(args=_insert_by_name(updated, plan.before, plan.settings))
        before = updated.whitespace_before_args
        if not updated.args and isinstance(before, cst.ParenthesizedWhitespace):
            return _filled(updated, before, plan.settings)
        beside = not self.plan.own_package and _shares_lines(updated.args) and self._fits(original, plan.settings)
        return updated.with_changes(args=insert_argument(updated, plan.index, plan.settings, beside=beside))

    def _fits(self, call: cst.Call, expression: str) -> bool:
        """Whether the line of the first argument has room for one more."""
        places = [self.context.positions[argument] for argument in call.args]
        ends = [place.end.column for place in places if place.end.line == places[0].start.line]
        return max(ends, default=0) + len(expression) + len(", ") <= _WIDTH

    def leave_Name(self, original: cst.Name, updated: cst.Name) -> cst.BaseExpression:
        return self._read(original, updated)

    def leave_Attribute(self, original: cst.Attribute, updated: cst.BaseExpression) -> cst.BaseExpression:
        return self._read(original, updated)

    def _read(self, original: cst.Name | cst.Attribute, updated: cst.BaseExpression) -> cst.BaseExpression:
        if original not in self.context.positions:
            return updated
        place = self.context.range(original)
        text = self.plan.reads.get(place)
        if text is None or not isinstance(updated, cst.Name | cst.Attribute):
            return updated
        self.context.done.add(("read", place))
        return parse(text).with_changes(lpar=updated.lpar, rpar=updated.rpar)


def _filled(call: cst.Call, before: cst.ParenthesizedWhitespace, expression: str) -> cst.Call:
    """An empty call over several lines: what it is handed stands on a line of its own, indented."""
    line = before.last_line.with_changes(value=f"{before.last_line.value}    ")
    end = _plain_break(before)
    argument = cst.Arg(parse(expression), whitespace_after_arg=end)
    return call.with_changes(args=[argument], whitespace_before_args=before.with_changes(last_line=line))


def _insert_by_name(call: cst.Call, before: tuple[str, ...], expression: str) -> list[cst.Arg]:
    """``settings=`` before the first argument of these names, or behind all."""
    names = [argument.keyword.value if argument.keyword is not None else None for argument in call.args]
    index = next((i for i, name in enumerate(names) if name in before), len(names))
    arguments = insert_argument(call, index, expression)
    equal = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
    arguments[index] = arguments[index].with_changes(keyword=cst.Name("settings"), equal=equal)
    return arguments


def insert_argument(call: cst.Call, index: int, expression: str, *, beside: bool = False) -> list[cst.Arg]:
    """The arguments of ``call`` with one more, on a line of its own if they stand on several and not ``beside``."""
    arguments = [_parenthesize_generator(argument) for argument in call.args]
    before = call.whitespace_before_args
    multiline = isinstance(before, cst.ParenthesizedWhitespace)
    after = _plain_break(before) if multiline and not beside else cst.SimpleWhitespace(" ")
    comma = cst.Comma(whitespace_after=after) if index < len(arguments) else cst.MaybeSentinel.DEFAULT
    arguments.insert(index, cst.Arg(parse(expression), comma=comma))
    return arguments


def _shares_lines(arguments: Sequence[cst.Arg]) -> bool:
    """Whether the first two arguments of a call stand on one line."""
    comma = arguments[0].comma if len(arguments) > 1 else None
    return isinstance(comma, cst.Comma) and isinstance(comma.whitespace_after, cst.SimpleWhitespace)


def _plain_break(whitespace: cst.BaseParenthesizableWhitespace) -> cst.BaseParenthesizableWhitespace:
    assert isinstance(whitespace, cst.ParenthesizedWhitespace)
    return whitespace.with_changes(
        first_line=cst.TrailingWhitespace(newline=whitespace.first_line.newline), empty_lines=[]
    )


def _parenthesize_generator(argument: cst.Arg) -> cst.Arg:
    value = argument.value
    if isinstance(value, cst.GeneratorExp) and not value.lpar:
        return argument.with_changes(value=value.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()]))
    return argument
