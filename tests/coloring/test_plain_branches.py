"""Where a wrapper has asked whether it wraps a coroutine function."""

from __future__ import annotations

import pytest

from tests.support.conversion import coroutines, toy_coloring


@pytest.mark.parametrize(
    "body",
    [
        "    if inspect.iscoroutinefunction(fn):\n        return later\n    return now",
        "    if asyncio.iscoroutinefunction(fn):\n        return later\n    else:\n        return now",
        "    return later if asyncio.iscoroutinefunction(fn) else now",
    ],
)
def test_branches_for_coroutine_functions(body: str) -> None:
    code = (
        "import asyncio, functools, inspect\ndef deco(fn):\n"
        "    @functools.wraps(fn)\n    async def later(*xs): return await fn(*xs)\n"
        f"    @functools.wraps(fn)\n    def now(*xs): return fn(*xs)\n{body}\n"
        "@deco\ndef fast(x): return x\n@deco\ndef slow(lm): return lm()\n"
        "def f(lm): return slow(lm)\ndef g(): return fast(1)\n"
    )
    coloring = toy_coloring(code)
    assert "deco.<locals>.now" not in coroutines(coloring)
    assert coroutines(coloring) - {"deco.<locals>.later"} == {"slow", "f"}
