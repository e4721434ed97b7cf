"""The coloring put into edits, each at an exact place."""

from __future__ import annotations

import pytest

from codemods.plan import CallPlan, FilePlan, FunctionPlan, WithPlan, plan_files
from tests.support.conversion import SAMPLE, toy_coloring
from tests.support.planning import TOP, lines, planned


def test_everything_at_its_place() -> None:
    plan = planned(
        "def ask(lm, x):\n    with dspy.context(a=1):\n        é = 'ü', lm(\n            settings.trace)\n"
        "    return lm(x)\n"
    )
    assert lines(plan) == {
        "functions": {(1, 0): FunctionPlan(make_async=True, settings=True, checked=True)},
        "calls": {
            (3, 17, 4, 27): CallPlan(awaited=True, settings="inner_settings"),
            (5, 11, 5, 16): CallPlan(awaited=True, settings="settings"),
        },
        "reads": {(2, 9, 2, 21): "settings.context", (4, 12, 4, 20): "inner_settings"},
        "withs": {(2, 9, 2, 26): WithPlan(child="inner_settings")},
    }
    assert plan.findings == []
    assert not plan.is_empty


def test_plans_of_all_files_and_of_plain_ones() -> None:
    plans = plan_files(toy_coloring("def f(x): return len(x)\n"))
    assert set(plans) == {path for path in plans if path.endswith(".py")}
    assert plans[SAMPLE].is_empty
    assert plans[SAMPLE] == FilePlan(SAMPLE)


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        ("X = settings.lm()", "global-settings"),
        ("X = BaseLM()()", "wall-coroutine"),
        ("class C:\n    def __init__(self): self.x = settings.x", "global-settings"),
        ("class C:\n    def __init__(self, metric): metric()", "wall-coroutine"),
        ("def f(lm, xs): return [lambda: lm() for x in xs]", "lambda"),
        ("def f(lm, xs): return iter(lm(x) for x in xs)", "generator"),
        ("def f(lm, xs):\n    def g(x): return lm(x)\n    return sorted(xs, key=g)", "handed-out"),
        ("import threading\ndef f(lm):\n    def g(): return lm()\n    threading.Thread(target=g)", "handed-out"),
        (
            "from multiprocessing import Pool\ndef f(lm, x: Pool):\n    def g(): return lm()\n    x.apply(g)",
            "handed-out",
        ),
    ],
)
def test_findings(code: str, rule: str) -> None:
    plan = planned(f"{code}\n")
    assert rule in {finding.rule for finding in plan.findings}
    assert {finding.path for finding in plan.findings} == {SAMPLE}


def test_a_top_level_with_settings_of_its_own() -> None:
    """As in a program that uses the package: it awaits at its top level."""
    plan = planned("lm = BaseLM()\nlm('a')\ndef f(): return lm('b')\n", default="dspy.settings")
    assert lines(plan)["calls"] == {
        (2, 0, 2, 7): CallPlan(awaited=True, settings="dspy.settings"),
        (3, 16, 3, 23): CallPlan(awaited=True, settings="settings"),
    }
    assert (plan.own_package, plan.annotation, plan.findings) == (False, "dspy.Settings", [])


def test_final_code_has_no_plan() -> None:
    code = "class C:\n    def m(self, lm): return lm()\ndef f(lm): return lm()\ndef g(lm): return lm()\n"
    assert planned(code, final=[SAMPLE]).is_empty
    assert set(planned(code, final=["dspy.sample:C", "dspy.sample:f"]).functions) == {(TOP + 4, 0)}
