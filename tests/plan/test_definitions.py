"""What becomes of definitions."""

from __future__ import annotations

import pytest

from codemods.plan import FunctionPlan
from tests.support.planning import lines, planned


@pytest.mark.parametrize(
    ("code", "place", "plan"),
    [
        ("def f(): return settings.x", (1, 0), FunctionPlan(settings=True)),
        ("def f(**x): return settings.x", (1, 0), FunctionPlan(settings=True, positional_only=True)),
        ("def _f(): return settings.lm()", (1, 0), FunctionPlan(make_async=True, settings=True)),
        ("async def f(): return settings.lm()", (1, 0), FunctionPlan(settings=True, checked=True)),
        ("def f(settings: Settings): return settings.lm()", (1, 0), FunctionPlan(make_async=True)),
        ("def f(settings): return settings.lm()", (1, 0), FunctionPlan(make_async=True)),
        ("@with_callbacks\ndef f(): ...", (2, 0), FunctionPlan(make_async=True, settings=True)),
        (
            "class C(BaseCallback):\n    def on_start(self, inputs): ...",
            (2, 4),
            FunctionPlan(make_async=True, settings=True, receiver=True, before=("inputs", "outputs")),
        ),
        (
            "from contextlib import contextmanager\n@contextmanager\ndef f(): yield settings.lm()",
            (3, 0),
            FunctionPlan(make_async=True, settings=True, async_contextmanager=True),
        ),
        (
            "class C:\n    @property\n    def f(self): return 1\n    def g(self): return settings.x",
            (4, 4),
            FunctionPlan(settings=True, receiver=True),
        ),
    ],
)
def test_definitions(code: str, place: tuple[int, int], plan: FunctionPlan) -> None:
    assert lines(planned(f"{code}\n"))["functions"] == {place: plan}
