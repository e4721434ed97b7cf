"""What names stand for by the rule table."""

from __future__ import annotations

import pytest

from tests.support.held import held


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("def f(lm):\n    probe(lm)\n", {"BaseLM()"}),
        ("def f(x):\n    helper_lm = x\n    probe(helper_lm)\n", {"BaseLM()"}),
        ("def f(lm: str):\n    probe(lm)\n", {"object()"}),
        ("def f(lm: Ask):\n    probe(lm)\n", {"Ask()"}),
        ("def f(lm=None):\n    probe(lm)\n", {"BaseLM()"}),
        ("def g(lm):\n    probe(lm)\ndef f():\n    g(Ask())\n", {"Ask()"}),
        ("class C:\n    def m(self):\n        probe(self.lm)\n", {"BaseLM()"}),
        ("def f(metric):\n    probe(metric)\n", {"supplied metric"}),
        ("def f(metric: BaseLM):\n    probe(metric)\n", {"BaseLM()"}),
        ("from typing import Callable\ndef f(metric: Callable):\n    probe(metric)\n", {"callable", "supplied metric"}),
        ("def f(factory):\n    probe(factory)\n", {"plain factory"}),
        (
            "class C:\n    def __init__(self, metric):\n        self.metric = metric\n        probe(self.metric)\n",
            {"supplied metric"},
        ),
        ("def f(x):\n    probe(x)\n", set()),
    ],
)
def test_names_that_rules_know(code: str, found: set[str]) -> None:
    assert held(code) == found
