"""What the colours start from, with the reason of each."""

from __future__ import annotations

import pytest

from codemods.rules import load_rules
from tests.support.conversion import RULES, colours, coroutines, takers, toy_coloring


@pytest.mark.parametrize(
    ("code", "coroutine", "settings"),
    [
        ("def f(): ...", set(), set()),
        ("async def f(): ...", {"f"}, set()),
        ("def f(): return settings.trace", set(), {"f"}),
        ("def f(): return dspy.settings", set(), {"f"}),
        ("def f():\n    with dspy.context(): ...", set(), {"f"}),
        ("def f(settings): ...", set(), {"f"}),
        ("def f(settings: Settings): ...", set(), {"f"}),
        ("def f(settings: 'dspy.Settings | None'): ...", set(), {"f"}),
        ("def f(settings: dict): ...", set(), set()),
        ("def f(settings: Settings, x): ...\ndef g(settings): return f(settings, 1)", set(), {"f", "g"}),
        ("def f(lm): return lm()", {"f"}, {"f"}),
        ("def f(lm): return lm.forward()", {"f"}, {"f"}),
        ("def f(lm): return lm.cost()", set(), set()),
        ("def f(metric): return metric()", {"f"}, {"f"}),
        ("def f(metric): return 1", set(), set()),
        ("def f(factory): return factory()", set(), set()),
        ("def f(tools, x): return tools[x]()", {"f"}, {"f"}),
        ("def f(): return settings.rm()", {"f"}, {"f"}),
        ("@with_callbacks\ndef f(): ...", {"f"}, {"f"}),
        ("class C(Module):\n    def forward(self): ...", {"C.forward"}, {"C.forward"}),
        ("class C(Module):\n    def other(self): ...", set(), set()),
        ("class C(BaseCallback):\n    def on_what(self): ...", {"C.on_what"}, {"C.on_what"}),
        ("def f():\n    settings = Settings()\n    return settings.trace", set(), set()),
        ("def f():\n    settings = Settings()\n    return Ask()(settings)", {"f"}, set()),
    ],
)
def test_leaves(code: str, coroutine: set[str], settings: set[str]) -> None:
    assert colours(f"{code}\n") == (coroutine, settings)


def test_a_leaf_may_take_no_settings() -> None:
    rule = '[[leaf]]\nsymbol = "dspy.sample:fetch"\nsettings = false\nreason = "waits, and asks nothing"\n'
    code = "def fetch(): ...\ndef f(): return fetch()\n"
    coloring = toy_coloring(code, rules=load_rules(RULES + rule))
    assert (coroutines(coloring), takers(coloring)) == ({"fetch", "f"}, set())


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("def f(metric): return metric()", "calls what a user supplies (metric)"),
        ("@with_callbacks\ndef f(): ...", "is decorated with with_callbacks"),
        ("async def f(): ...", "is a coroutine in the source"),
        ("def f(): return dspy.settings.trace", "reads dspy.settings"),
        ("def f(settings: Settings): ...", "takes settings in the source"),
        ("class f(Module):\n    def forward(self): ...", "a program waits for models"),
    ],
)
def test_reasons_of_leaves(code: str, text: str) -> None:
    coloring = toy_coloring(f"{code}\n")
    symbol = "dspy.sample:f.forward" if "class" in code else "dspy.sample:f"
    reason = coloring.coroutine.get(symbol) or coloring.settings[symbol]
    assert (reason.text, reason.via) == (text, None)
