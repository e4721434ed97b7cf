"""What becomes of calls, and of functions that they hand to others."""

from __future__ import annotations

import pytest

from codemods.plan import CallPlan
from tests.support.planning import lines, planned


@pytest.mark.parametrize(
    ("call", "plan"),
    [
        ("lm()", CallPlan(awaited=True, settings="settings")),
        ("lm(settings)", CallPlan(awaited=True)),
        ("lm(settings=settings)", CallPlan(awaited=True)),
        ("other(1)", CallPlan(settings="settings")),
        ("C.run(c, 1)", CallPlan(awaited=True, settings="settings", index=1)),
        ("C.make(1)", CallPlan(awaited=True, settings="settings")),
        ("metric(1)", CallPlan(awaited=True, bind="settings")),
        ("time.sleep(1)", CallPlan(awaited=True, replacement="asyncio.sleep")),
        ("requests.get(1)", CallPlan(awaited=True, replacement="requests.get", to_thread=True)),
        ("len(1)", None),
        ("c.size()", None),
    ],
)
def test_calls(call: str, plan: CallPlan | None) -> None:
    code = (
        "import time, requests\nclass C:\n    def run(self, x): return settings.lm()\n    def size(self): return 1\n"
        "    @classmethod\n    def make(cls, x): return settings.lm()\ndef other(x): return settings.x\n"
        f"async def f(settings: Settings, lm: BaseLM, metric, c: C):\n    lm.forward(settings)\n    {call}\n"
    )
    calls = lines(planned(code))["calls"]
    assert isinstance(calls, dict)
    assert calls.get((10, 4, 10, 4 + len(call))) == plan


@pytest.mark.parametrize(
    "code",
    [
        "def g(x): return settings.lm(x)\ndef f(xs): return sorted(xs, key=g)",
        "def g(x): return settings.lm(x)\ndef f(xs): return [*map(g, xs)]",
        "class C:\n    def g(self, x): return settings.lm(x)\n    def f(self, xs): return [*filter(self.g, xs)]",
        "def f(lm: BaseLM, xs): return [*map(lm, xs)]",
        "import threading\nasync def g(): ...\ndef f(): threading.Thread(target=g)",
        "import atexit\n@atexit.register\ndef f(): settings.lm()",
    ],
)
def test_coroutine_functions_handed_to_foreign_code(code: str) -> None:
    assert {finding.rule for finding in planned(f"{code}\n").findings} == {"handed-out"}


@pytest.mark.parametrize(
    "call",
    [
        "functools.partial(g, 1)",
        "inspect.signature(g)",
        "asyncio.create_task(g())",
        "isinstance(g, type)",
        "[].append(g)",
        "functools.wraps(g)",
        "callable(g)",
        "repr(g)",
        "setattr(lm, 'x', g)",
        "getattr(g, 'x')",
    ],
)
def test_functions_that_are_not_called_by_who_gets_them(call: str) -> None:
    code = f"import asyncio, functools, inspect\ndef f(lm: BaseLM):\n    def g(x=1): return lm(x)\n    {call}\n"
    assert planned(code).findings == []


def test_what_a_thread_gives_back_may_be_awaited() -> None:
    code = (
        "import asyncio\nasync def f(lm: BaseLM): return await ready(await asyncio.to_thread(lm.forward, settings))\n"
    )
    assert planned(code).findings == []
