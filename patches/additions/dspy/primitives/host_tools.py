"""Tools of the host that code in a sandbox calls, and tools whose source runs in the sandbox itself."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from dspy.utils.supplied import always_takes_settings, is_coroutine_function, settings_parameter, visible_signature


def host_tool(fn: Callable[..., Any], call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """A tool for an interpreter: it does `call`, and goes by the name, the documentation and the parameters of `fn`.

    Args:
        fn: The user's function.
        call: What is awaited, with settings first and the keyword arguments that the code in the sandbox gave.
    """

    @functools.wraps(fn)
    async def tool(settings: Any, /, **kwargs: Any) -> Any:
        return await call(settings, **kwargs)

    tool.__signature__ = visible_signature(fn)  # type: ignore[attr-defined]
    always_takes_settings(tool)
    return tool


def sandbox_source(fn: Callable[..., Any], shipped: Collection[str]) -> str:
    """The source of a tool as code in a sandbox can call it: synchronous, and without settings.

    A function that is neither a coroutine function nor takes settings is given as it was written. In others, `await`
    and the settings go, as long as what is awaited are tools that are shipped as well. The source of a wrapper, such
    as `dspy.asyncify` makes, is that of the function behind it.

    Args:
        fn: The function.
        shipped: The names of all functions that the sandbox gets.

    Raises:
        ValueError: It awaits something that is not in the sandbox, or makes another use of its settings.
        OSError: Its source cannot be found.
    """
    written = inspect.unwrap(fn)
    source = inspect.getsource(written)
    settings = settings_parameter(written)
    if not is_coroutine_function(written) and settings is None and "asyncify" not in source:
        return source
    tree = ast.parse(textwrap.dedent(source))
    definition = next(n for n in tree.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    definition.decorator_list = [each for each in definition.decorator_list if not _is_asyncify(each)]
    if settings is not None:
        _drop_parameter(definition.args, settings)
    return ast.unparse(_Synchronous(fn.__name__, settings, frozenset(shipped)).visit(tree))


def _is_asyncify(decorator: ast.expr) -> bool:
    """Whether a decorator moves the function to a worker thread: the sandbox has no loop to keep free."""
    name = decorator.attr if isinstance(decorator, ast.Attribute) else getattr(decorator, "id", None)
    return name == "asyncify"


def _drop_parameter(arguments: ast.arguments, name: str) -> None:
    """Take a parameter, the first or one that is keyword-only, and its default out of a function's."""
    for index, each in enumerate(arguments.kwonlyargs):
        if each.arg == name:
            del arguments.kwonlyargs[index], arguments.kw_defaults[index]
            return
    # The defaults are those of the last parameters: one for each of them includes the first.
    if len(arguments.defaults) == len(arguments.posonlyargs) + len(arguments.args):
        del arguments.defaults[0]
    del (arguments.posonlyargs or arguments.args)[0]


class _Synchronous(ast.NodeTransformer):
    def __init__(self, tool: str, settings: str | None, shipped: frozenset[str]) -> None:
        self._tool = tool
        self._settings = settings
        self._shipped = shipped

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.FunctionDef:
        self.generic_visit(node)
        fields = {name: getattr(node, name) for name in node._fields}
        return ast.copy_location(ast.FunctionDef(**fields), node)

    def visit_Await(self, node: ast.Await) -> ast.AST:
        call = node.value
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.func.id not in self._shipped:
            raise self._error(f"awaits `{ast.unparse(call)}`, which is none of the tools")
        return self.visit(call)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id in self._shipped:
            node.args = [each for each in node.args if not self._is_settings(each)]
            node.keywords = [each for each in node.keywords if not self._is_settings(each.value)]
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if self._is_settings(node):
            raise self._error("uses its settings for something else than calling a tool")
        return node

    def visit_AsyncFor(self, node: ast.AsyncFor) -> ast.AST:
        raise self._error("iterates with `async for`")

    def visit_AsyncWith(self, node: ast.AsyncWith) -> ast.AST:
        raise self._error("enters an `async with`")

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        if node.is_async:
            raise self._error("iterates with `async for`")
        return self.generic_visit(node)

    def _is_settings(self, node: ast.expr) -> bool:
        return self._settings is not None and isinstance(node, ast.Name) and node.id == self._settings

    def _error(self, what: str) -> ValueError:
        return ValueError(
            f"The source of the tool {self._tool} runs in a sandbox, where there is no event loop and there are no "
            f"settings, and it {what}. Use `dspy.ReAct` or `dspy.RLM`, whose tools run outside of the sandbox."
        )
