"""Calls that cannot work: the function that is certainly meant does not take these arguments.

It is how a disagreement between a definition and its calls shows, where one of them got `settings` and the other did
not. Calls that have nothing to do with settings are upstream's own, faults included.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from codemods.verify.defects import Defect
from codemods.verify.model import Function, Module, Package, called_name

# What leaves a function's parameters as they are; behind any other decorator they are not known.
TRANSPARENT = frozenset(
    {
        "takes_settings", "with_callbacks", "wraps", "contextmanager", "asynccontextmanager", "experimental",
        "staticmethod", "classmethod", "abstractmethod", "request_cache", "model_validator", "override",
    }
)  # fmt: skip


def wrong_arguments(package: Package, module: Module) -> Iterator[Defect]:
    """Finds calls with too many, missing or unknown arguments, among those whose target the text leaves no doubt of."""
    for node in module.nodes:
        if not isinstance(node, ast.Call) or _open_ended(node):
            continue
        function = package.function(module, node.func)
        if function is None or not _known(function) or not _about_settings(node, function):
            continue
        problem = _problem(node, function, bound=_is_bound(package, module, node, function))
        if problem:
            yield Defect(module.path, node.lineno, "arguments", f"{ast.unparse(node.func)}(...) {problem}")


def _open_ended(call: ast.Call) -> bool:
    return any(isinstance(each, ast.Starred) for each in call.args) or any(each.arg is None for each in call.keywords)


def _known(function: Function) -> bool:
    return all(called_name(each) in TRANSPARENT for each in function.decorator_list)


def _about_settings(call: ast.Call, function: Function) -> bool:
    arguments = function.args
    names = [each.arg for each in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]]
    given = [each.id for each in call.args if isinstance(each, ast.Name)]
    return "settings" in names or any(name.endswith("settings") or "settings_" in name for name in given)


def _is_bound(package: Package, module: Module, call: ast.Call, function: Function) -> bool:
    """Whether the function's first parameter is filled in by the object it was got from."""
    if any(called_name(each) == "staticmethod" for each in function.decorator_list):
        return False
    return package.is_method(function) and package.expression(module, call.func) is not function


def _problem(call: ast.Call, function: Function, *, bound: bool) -> str | None:
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    required = {each.arg for each in positional[: len(positional) - len(arguments.defaults)]}
    required |= {
        each.arg for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if default is None
    }
    names = [each.arg for each in positional][1 if bound else 0 :]
    if bound and positional:
        required.discard(positional[0].arg)
    given = names[: len(call.args)]
    if len(call.args) > len(names) and arguments.vararg is None:
        return f"has {len(call.args)} positional arguments, and its target takes {len(names)}"
    by_keyword = {each.arg for each in [*arguments.args, *arguments.kwonlyargs]}
    if any(called_name(each) == "takes_settings" for each in function.decorator_list):
        by_keyword.add("settings")
    for keyword in call.keywords:
        if keyword.arg not in by_keyword and arguments.kwarg is None:
            return f"has the argument {keyword.arg}=, which its target does not take"
        if keyword.arg in given and keyword.arg in by_keyword:
            return f"has two values for {keyword.arg}"
        given.append(str(keyword.arg))
    missing = sorted(required - set(given))
    return f"lacks {', '.join(missing)}" if missing else None
