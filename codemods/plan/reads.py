"""What becomes of reads of the process's settings object."""

from __future__ import annotations

import ast

from codemods.coloring.settings_object import is_settings_object, settings_read
from codemods.plan.context import Context
from codemods.plan.place import Place
from codemods.program.settings_parameters import SETTINGS
from codemods.settings_names import binds_settings


def plan_read(context: Context, node: ast.Attribute | ast.Name, place: Place) -> bool:
    """Let a read of the process's settings object be one of the settings in scope. Whether it is such a read."""
    if not isinstance(node.ctx, ast.Load):
        return False
    flow = context.coloring.flow
    read = settings_read(flow, node, place.scope)
    if read is None:
        return False
    if place.settings == context.default and (context.default is not None or place.function is None):
        return True
    if _binds(context, place):
        return True
    if place.settings is None:
        context.finding("global-settings", node, f"reads {ast.unparse(node)} where no settings are in scope")
        return True
    text = f"{place.settings}.{context.coloring.rules.settings.context_method}" if read == "context" else place.settings
    if text != ast.unparse(node) or isinstance(node, ast.Name):
        context.file.reads[context.range(node)] = text
    return True


def _binds(context: Context, place: Place) -> bool:
    """Whether a program's function has settings in a variable, which a read of the process's may fill."""
    bound = place.function is not None and binds_settings(context.coloring.flow, place.function)
    return bound and not context.file.own_package and place.settings == SETTINGS


def plan_shadowing(context: Context, node: ast.ImportFrom, place: Place) -> None:
    """A parameter ``settings`` is what is handed on, not the process's object under the same name."""
    if place.function is None or SETTINGS not in {a.asname or a.name for a in node.names}:
        return
    taken = place.settings == SETTINGS
    has = taken and (context.coloring.takes_settings(place.function) or place.function.first_parameter == SETTINGS)
    if has and is_settings_object(context.coloring.flow, ast.Name(SETTINGS, ast.Load()), place.scope):
        context.file.shadowing.add(context.module.position(node))
