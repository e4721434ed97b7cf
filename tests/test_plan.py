"""The coloring put into edits, each at an exact place; an edit that finds nothing is an error."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from codemods.errors import ToolError
from codemods.passes import run_passes
from codemods.plan import CallPlan, FilePlan, FunctionPlan, WithPlan, plan_files
from tests.support.conversion import FINAL, HEADER, SAMPLE, toy_coloring

TOP = HEADER.count("\n")


def planned(code: str, *, final: Iterable[str] = (), default: str | None = None) -> FilePlan:
    return plan_files(toy_coloring(code, final=final), default, [*FINAL, *final])[SAMPLE]


def lines(plan: FilePlan) -> dict[str, object]:
    """The plan with lines counted from the sample's first."""
    return {
        "functions": {(line - TOP, column): value for (line, column), value in plan.functions.items()},
        "calls": {_place(place): value for place, value in plan.calls.items()},
        "reads": {_place(place): value for place, value in plan.reads.items()},
        "withs": {_place(place): value for place, value in plan.withs.items()},
    }


def _place(place: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    return place[0] - TOP, place[1], place[2] - TOP, place[3]


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


@pytest.mark.parametrize(
    ("call", "plan"),
    [
        ("lm()", CallPlan(awaited=True, settings="settings")),
        ("lm(settings)", CallPlan(awaited=True)),
        ("lm(settings=settings)", CallPlan(awaited=True)),
        ("other(1)", CallPlan(settings="settings")),
        ("C.run(c, 1)", CallPlan(awaited=True, settings="settings", index=1)),
        ("C.make(1)", CallPlan(awaited=True, settings="settings")),
        ("metric(1)", CallPlan(awaited=True, bind="settings")),
        ("time.sleep(1)", CallPlan(awaited=True, replacement="asyncio.sleep")),
        ("requests.get(1)", CallPlan(awaited=True, replacement="requests.get", to_thread=True)),
        ("len(1)", None),
        ("c.size()", None),
    ],
)
def test_calls(call: str, plan: CallPlan | None) -> None:
    code = (
        "import time, requests\nclass C:\n    def run(self, x): return settings.lm()\n    def size(self): return 1\n"
        "    @classmethod\n    def make(cls, x): return settings.lm()\ndef other(x): return settings.x\n"
        f"async def f(settings: Settings, lm: BaseLM, metric, c: C):\n    lm.forward(settings)\n    {call}\n"
    )
    calls = lines(planned(code))["calls"]
    assert isinstance(calls, dict)
    assert calls.get((10, 4, 10, 4 + len(call))) == plan


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


@pytest.mark.parametrize(
    "code",
    [
        "def g(x): return settings.lm(x)\ndef f(xs): return sorted(xs, key=g)",
        "def g(x): return settings.lm(x)\ndef f(xs): return [*map(g, xs)]",
        "class C:\n    def g(self, x): return settings.lm(x)\n    def f(self, xs): return [*filter(self.g, xs)]",
        "def f(lm: BaseLM, xs): return [*map(lm, xs)]",
        "import threading\nasync def g(): ...\ndef f(): threading.Thread(target=g)",
        "import atexit\n@atexit.register\ndef f(): settings.lm()",
    ],
)
def test_coroutine_functions_handed_to_foreign_code(code: str) -> None:
    assert {finding.rule for finding in planned(f"{code}\n").findings} == {"handed-out"}


@pytest.mark.parametrize(
    "call",
    [
        "functools.partial(g, 1)",
        "inspect.signature(g)",
        "asyncio.create_task(g())",
        "isinstance(g, type)",
        "[].append(g)",
        "functools.wraps(g)",
        "callable(g)",
        "repr(g)",
        "setattr(lm, 'x', g)",
        "getattr(g, 'x')",
    ],
)
def test_functions_that_are_not_called_by_who_gets_them(call: str) -> None:
    code = f"import asyncio, functools, inspect\ndef f(lm: BaseLM):\n    def g(x=1): return lm(x)\n    {call}\n"
    assert planned(code).findings == []


def test_what_a_thread_gives_back_may_be_awaited() -> None:
    code = (
        "import asyncio\nasync def f(lm: BaseLM): return await ready(await asyncio.to_thread(lm.forward, settings))\n"
    )
    assert planned(code).findings == []


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


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (FilePlan("a.py", functions={(7, 0): FunctionPlan(make_async=True)}), "function at (7, 0)"),
        (FilePlan("a.py", calls={(1, 0, 1, 3): CallPlan(awaited=True)}), "call at (1, 0, 1, 3)"),
        (FilePlan("a.py", reads={(1, 0, 1, 9): "settings"}), "read at (1, 0, 1, 9)"),
        (FilePlan("a.py", withs={(1, 0, 1, 9): WithPlan(child="x")}), "with at (1, 0, 1, 9)"),
        (FilePlan("a.py", iterations={(1, 0, 1, 9)}), "iteration at (1, 0, 1, 9)"),
        (
            FilePlan("a.py", calls={(1, 4, 1, 7): CallPlan(awaited=True)}, to_list={(3, 0, 3, 1)}),
            "list at (3, 0, 3, 1)",
        ),
        (FilePlan("a.py", bare_awaits={(1, 0, 1, 9)}), "bare await at (1, 0, 1, 9)"),
        (FilePlan("a.py", docstrings={(1, 0, 1, 9): "x"}), "docstring at (1, 0, 1, 9)"),
    ],
)
def test_an_edit_that_finds_nothing_is_an_error(plan: FilePlan, said: str) -> None:
    with pytest.raises(ToolError) as caught:
        run_passes("x = f()\n", plan, module_name="a")
    assert str(caught.value).startswith("a.py: planned edits found nothing to edit: ")
    assert said in str(caught.value)


def test_an_empty_plan_leaves_the_text() -> None:
    text = "x = (1 ,\t2)  \n"
    assert run_passes(text, FilePlan("a.py"), module_name="a") is text
