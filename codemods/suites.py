"""How a program's tests are run: which plugin of pytest awaits those that become coroutine functions."""

from __future__ import annotations

import ast

from codemods.program import FunctionInfo, ModuleInfo, Program
from codemods.program.build import dotted
from codemods.program.names import resolve_dotted

ASYNCIO = "pytest.mark.asyncio"
ANYIO = "pytest.mark.anyio"
FIXTURE = "pytest_asyncio.fixture"
_MARKS = {"asyncio": ASYNCIO, "anyio": ANYIO}


def marker(program: Program, module: ModuleInfo) -> str:
    """The marker that the tests of a module have, else those of the program; pytest-asyncio's where none has any."""
    marks = [(f.module is module, mark) for f in program.own_functions() for mark in _marks(f)]
    here = {mark for is_here, mark in marks if is_here} or {mark for _, mark in marks}
    return ANYIO if here == {"anyio"} else ASYNCIO


def is_marked(function: FunctionInfo) -> bool:
    """Whether a test has a marker of a plugin already."""
    return bool(_marks(function))


def _marks(function: FunctionInfo) -> list[str]:
    return [name for name in (d.split(".")[-1] for d in function.decorators) if name in _MARKS]


def fixture_decorator(program: Program, function: FunctionInfo) -> ast.expr | None:
    """The name in ``@pytest.fixture`` or ``@pytest.fixture(...)`` above a function."""
    for decorator in [] if isinstance(function.node, ast.Lambda) else function.node.decorator_list:
        name = decorator.func if isinstance(decorator, ast.Call) else decorator
        target = resolve_dotted(program, function.module, dotted(name) or "")
        if target is not None and target.external and target.dotted == "pytest.fixture":
            return name
    return None
