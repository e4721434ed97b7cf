"""A plan is carried out as a whole: an edit that finds nothing is an error."""

from __future__ import annotations

import pytest

from codemods.errors import ToolError
from codemods.passes import run_passes
from codemods.plan import CallPlan, FilePlan, FunctionPlan, WithPlan


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
