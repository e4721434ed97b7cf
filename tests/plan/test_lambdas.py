"""What becomes of lambdas that wait."""

from __future__ import annotations

import pytest

from tests.support.planning import planned


def hoisted(code: str) -> list[str | None]:
    """The names under which a sample's lambdas are defined, by where they stand."""
    plan = planned(code)
    return [plan.functions[place].hoist for place in sorted(plan.functions) if plan.functions[place].hoist]


@pytest.mark.parametrize(
    ("statement", "names"),
    [
        ("ask = lambda: lm()", ["call_ask"]),
        ("run(key=lambda: lm())", ["key"]),
        ("run({'first': lambda: lm(), 'second': lambda: lm()})", ["first", "second"]),
        ("run(lambda: lm())", ["awaited"]),
        ("run(lambda: lm(), lambda: lm())", ["awaited", "awaited_2"]),
        ("awaited = 1\n    run(lambda: lm())", ["call_awaited"]),
        ("run(lambda: 1)", []),
    ],
)
def test_names_of_definitions(statement: str, names: list[str]) -> None:
    code = f"def run(*xs, key=None): return xs, key\ndef f(lm: BaseLM):\n    {statement}\n"
    assert hoisted(code) == names


def test_where_no_definition_can_stand_it_is_a_finding() -> None:
    plan = planned("def f(lm, xs): return [lambda: lm() for x in xs]\n")
    assert "lambda" in {finding.rule for finding in plan.findings}
