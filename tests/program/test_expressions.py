"""What expressions hold."""

from __future__ import annotations

from tests.support.held import held


def test_an_expression_after_isinstance_of_several_classes() -> None:
    code = "def f(x):\n    probe(x if isinstance(x, (BaseLM, Ask)) else None)\n"
    assert held(code) == {"BaseLM()", "Ask()"}
