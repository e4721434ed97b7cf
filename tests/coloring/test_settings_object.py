"""Where the process's settings object is read, under whatever name."""

from __future__ import annotations

import ast

import pytest

from codemods.coloring.settings_object import settings_reads
from tests.support.conversion import toy_coloring


@pytest.mark.parametrize(
    ("body", "read"),
    [
        ("return settings.lm", ["settings"]),
        ("return dspy.settings.lm", ["dspy.settings"]),
        ("from dspy import settings as mine\n    return mine.lm", ["mine"]),
        ("with dspy.context(lm=1): ...", ["dspy.context"]),
        ("settings = {}\n    return settings", []),
        ("return other.settings", []),
        ("dspy.settings = 1", []),
    ],
)
def test_reads(body: str, read: list[str]) -> None:
    flow = toy_coloring(f"def f(other):\n    {body}\n").flow
    scope = next(s for s in flow.scopes if s.function is not None and s.function.symbol == "dspy.sample:f")
    assert [ast.unparse(node) for node in settings_reads(flow, scope)] == read
