"""What becomes of `with` items."""

from __future__ import annotations

import pytest

from codemods.plan import WithPlan
from tests.support.planning import lines, planned


def withs(code: str) -> list[WithPlan]:
    """The plans of a sample's items, by where they stand."""
    found = lines(planned(code))["withs"]
    assert isinstance(found, dict)
    return [found[place] for place in sorted(found)]


@pytest.mark.parametrize(
    ("body", "children"),
    [
        ("with dspy.context(a=1):\n        lm()", ["inner_settings"]),
        (
            "with dspy.context(a=1):\n        with dspy.context(b=1):\n            lm()",
            ["inner_settings", "inner_settings_2"],
        ),
        (
            "with dspy.context(a=1):\n        lm()\n    with dspy.context(b=1):\n        lm()",
            ["inner_settings", "inner_settings"],
        ),
        ("inner_settings = 1\n    with dspy.context(a=1):\n        lm(inner_settings)", ["inner_settings_2"]),
        ("with dspy.context(a=1) as mine:\n        lm()", []),
        ("with open('x'):\n        lm()", []),
    ],
)
def test_the_names_of_child_settings(body: str, children: list[str]) -> None:
    assert [plan.child for plan in withs(f"def f(lm):\n    {body}\n")] == children


def test_a_context_manager_that_waits_is_entered_by_waiting() -> None:
    code = (
        "from contextlib import contextmanager\n@contextmanager\ndef opened(): yield settings.lm()\n"
        "def f():\n    with opened() as x:\n        return x\n"
    )
    assert withs(code) == [WithPlan(asynchronous=True)]
