"""What is known of a name after `isinstance`."""

from __future__ import annotations

import pytest

from tests.support.held import held


def test_a_branch_after_isinstance() -> None:
    assert held("def f(x):\n    if isinstance(x, BaseLM):\n        probe(x)\n") == {"BaseLM()"}


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("assert isinstance(x, BaseLM) and y\n    probe(x)", {"BaseLM()"}),
        ("if not isinstance(x, (BaseLM, Ask)): return\n    probe(x)", {"BaseLM()", "Ask()"}),
        ("if not isinstance(x, BaseLM): pass\n    probe(x)", set()),
        ("if isinstance(x, BaseLM | Ask):\n        while y:\n            probe(x)", {"BaseLM()", "Ask()"}),
        ("if isinstance(x, BaseLM):\n        x = y\n        probe(x)", set()),
        ("if isinstance(x, (BaseLM, str)):\n        probe(x)", set()),
        ("x = Ask() if y else BaseLM()\n    if isinstance(x, Module): probe(x)", {"Ask()"}),
    ],
)
def test_what_is_known_after_isinstance(code: str, found: set[str]) -> None:
    assert held(f"def f(x, y):\n    {code}\n") == found
