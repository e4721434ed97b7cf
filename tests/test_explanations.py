"""What `dspy-async explain` says of a symbol that is not there."""

from __future__ import annotations

import pytest

from codemods.errors import ToolError
from codemods.explanations import Explanations

KNOWN = Explanations(
    {name: [] for name in ("a.react:ReAct.forward", "a.react:ReAct.__init__", "b.predict:Predict.forward", "b.utils:f")}
)


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("a.react:forward", ["a.react:ReAct.forward", "b.predict:Predict.forward"]),
        ("ReAct", ["a.react:ReAct.__init__", "a.react:ReAct.forward"]),
        ("a.react:ReAct.forwards", ["a.react:ReAct.forward"]),
    ],
)
def test_what_may_be_meant_is_named(asked: str, meant: list[str]) -> None:
    with pytest.raises(ToolError, match="is no function of this release") as caught:
        KNOWN.of(asked)
    named = caught.value.remedy.partition("Did you mean ")[2].rstrip("?").split(", ")
    assert named[: len(meant)] == meant


def test_nothing_like_it() -> None:
    with pytest.raises(ToolError, match="The report names the modules"):
        KNOWN.of("q:zzz")
