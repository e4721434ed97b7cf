"""Where the arguments of a call go."""

from __future__ import annotations

import pytest

from tests.support.conversion import toy_coloring
from tests.support.held import held


@pytest.mark.parametrize(
    ("parameters", "call"),
    [
        ("x", "g(BaseLM())"),
        ("x", "g(x=BaseLM())"),
        ("a, /, x", "g(1, BaseLM())"),
        ("a=1, *, x=None", "g(x=BaseLM())"),
        ("settings, x", "g(settings, BaseLM())"),
        ("settings, x", "g(BaseLM())"),
    ],
)
def test_arguments_reach_parameters(parameters: str, call: str) -> None:
    assert held(f"def g({parameters}):\n    probe(x)\ndef f():\n    {call}\n") == {"BaseLM()"}


def test_arguments_reach_star_parameters() -> None:
    code = "def g(*xs, **ys):\n    probe(xs[0])\n    probe(ys['a'])\ndef f():\n    g(BaseLM(), a=Ask())\n"
    assert held(code) == {"BaseLM()", "Ask()"}


def test_starred_arguments_reach_no_parameter_and_such_a_call_is_listed() -> None:
    """Which of them reaches which parameter is not known: who calls one is told so."""
    code = "def g(x, y):\n    return x(), y()\ndef f(xs: list[BaseLM], ys: dict[str, Ask]):\n    g(*xs, **ys)\n"
    assert [f.message.split("(")[0] for f in toy_coloring(code).unresolved] == ["x", "y"]
