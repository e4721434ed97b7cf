"""What blocks the event loop, and coroutines where nobody can wait for them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from codemods.verify.defects import Defect
from codemods.verify.model import Module, dotted, first_line, is_coroutine, walk_body, walk_scope

_VERBS = ("get", "post", "put", "patch", "delete", "head", "options", "request", "stream")
_WAITING = (ast.Await, ast.AsyncFor, ast.AsyncWith)

BLOCKING = frozenset(
    {
        "time.sleep", "asyncio.run", "os.system", "os.wait", "os.waitpid", "input", "concurrent.futures.wait",
        "subprocess.run", "subprocess.call", "subprocess.check_call", "subprocess.check_output", "subprocess.getoutput",
        "urllib.request.urlopen", "urllib.request.urlretrieve", "socket.create_connection", "select.select",
        "anyio.run", "anyio.from_thread.run", "anyio.from_thread.run_sync",
        *(f"{client}.{verb}" for client in ("requests", "httpx") for verb in _VERBS),
    }
)  # fmt: skip

BLOCKING_METHODS = frozenset({"run_until_complete", "run_forever"})

# The special methods Python awaits, or whose result a caller of ours does; any other hands the coroutine back unseen.
AWAITED_SPECIALS = frozenset({"__call__", "__aenter__", "__aexit__", "__anext__"})

# Decorators that keep or use up the first result; a coroutine can be awaited only once.
SPOILING_DECORATORS = frozenset(
    {
        "functools.lru_cache", "functools.cache", "functools.cached_property", "contextlib.contextmanager", "property",
        "abc.abstractproperty",
    }
)  # fmt: skip


def blocking(module: Module) -> Iterator[Defect]:
    """Finds calls that block directly in a coroutine, and awaits under a thread's lock."""
    for function in module.nodes:
        if isinstance(function, ast.AsyncFunctionDef):
            yield from _blocking_in(module, function)


def _blocking_in(module: Module, function: ast.AsyncFunctionDef) -> Iterator[Defect]:
    for node in walk_body(function):
        message = None
        if isinstance(node, ast.Call) and _blocks(module, node.func):
            message = f"{function.name} calls {ast.unparse(node.func)}(...), which blocks the event loop"
        elif isinstance(node, ast.With) and _holds_lock(node) and _waits(node.body):
            message = f"{function.name} awaits while it holds a thread's lock: `{first_line(node)}`"
        if message:
            yield Defect(module.path, getattr(node, "lineno", 0), "blocking", message)


def _blocks(module: Module, callee: ast.expr) -> bool:
    method = callee.attr if isinstance(callee, ast.Attribute) else None
    return dotted(module, callee) in BLOCKING or method in BLOCKING_METHODS


def _waits(body: list[ast.stmt]) -> bool:
    return any(isinstance(part, _WAITING) for statement in body for part in walk_scope(statement))


def _holds_lock(node: ast.With) -> bool:
    names = (item.context_expr for item in node.items)
    return any(str(getattr(each, "attr", getattr(each, "id", ""))).lower().endswith("lock") for each in names)


def shape(module: Module) -> Iterator[Defect]:
    """Finds coroutines where Python, or a decorator, uses the coroutine itself as the result."""
    for node in module.nodes:
        if not isinstance(node, ast.AsyncFunctionDef):
            continue
        # `async def __aiter__` that yields is an async generator: iterated, and rightly not awaited.
        special = is_coroutine(node) and node.name.startswith("__") and node.name.endswith("__")
        if special and isinstance(module.parents[node], ast.ClassDef) and node.name not in AWAITED_SPECIALS:
            yield Defect(module.path, node.lineno, "shape", f"Python does not await {node.name}")
        for decorator in node.decorator_list:
            named = decorator.func if isinstance(decorator, ast.Call) else decorator
            if dotted(module, named) in SPOILING_DECORATORS:
                message = f"@{ast.unparse(named)} does not wait for the coroutine of {node.name}"
                yield Defect(module.path, node.lineno, "shape", message)
