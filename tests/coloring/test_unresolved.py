"""Which calls are listed because nothing says whom they reach."""

from __future__ import annotations

import pytest

from tests.support.conversion import SAMPLE, toy_coloring, toy_files


def test_an_unknown_callable_that_is_awaited() -> None:
    """It is a coroutine function; whether it takes settings, nobody knows."""
    code = "async def later(fn):\n    return await fn()\n"
    assert [f.message for f in toy_coloring(code).unresolved] == ["fn(...): a variable that holds an unknown callable"]


@pytest.mark.parametrize(
    ("method", "name", "unresolved"),
    [("warn", "lm", 0), ("warn", "thing", 1), ("boil", "lm", 1)],
)
def test_a_method_of_another_class_of_the_kind(method: str, name: str, unresolved: int) -> None:
    """What is known to reach a variable need not be all that does: its name may say of which kind it is."""
    code = (
        "class Loud(BaseLM):\n    def warn(self): ...\n"
        f"def helper({name}):\n    if hasattr({name}, '{method}'):\n        {name}.{method}()\n"
        "class Mine(BaseLM):\n    def go(self):\n        helper(self)\n"
    )
    assert len(toy_coloring(code).unresolved) == unresolved


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("x()", "x(...): a variable that holds an unknown callable"),
        ("x.forward()", "x.forward(...): nothing is known of its receiver, and .forward may be a coroutine"),
        ("x.y.forward()", "x.y.forward(...): nothing is known of its receiver, and .forward may be a coroutine"),
        ("x[0]()", "x[0](...): calls the result of an expression"),
        ("x()()", "x()(...): calls the result of an expression"),
        ("getattr(x, x)()", "getattr(x, x)(...): calls the result of an expression"),
    ],
)
def test_calls_that_cannot_be_resolved(body: str, said: str) -> None:
    coloring = toy_coloring(f"def f(x):\n    1\n    {body}\n")
    offset = toy_files("")[SAMPLE].count("\n")
    assert (SAMPLE, offset + 3, said) in {(f.path, f.line, f.message) for f in coloring.unresolved}
    assert {f.rule for f in coloring.unresolved} == {"unresolved"}


@pytest.mark.parametrize(
    "body",
    [
        "x.upper()",
        "x.wash()",
        "len(x)",
        "print()",
        "type(x)()",
        "'a'.format(x)",
        "open(x).read()",
        "[].append(x)",
        "factory()",
        "str(x).join([x])",
        "(lambda: 1)()",
        "x.cost()",
        "super().method()",
        "Exception(x)",
    ],
)
def test_calls_that_need_no_listing(body: str) -> None:
    assert toy_coloring(f"class C:\n    def f(self, x, factory):\n        {body}\n").unresolved == []


def test_an_unknown_callable_of_an_object() -> None:
    code = "class C:\n    def __init__(self, hook):\n        self.hook = hook\n    def f(self):\n        self.hook()\n"
    assert [f.message.partition("(")[0] for f in toy_coloring(code).unresolved] == ["self.hook"]


def test_calls_in_final_code_are_not_listed() -> None:
    code = "def f(x): return x()\ndef g(x): return x()\n"
    assert [f.message for f in toy_coloring(code, final=["dspy.sample:f"]).unresolved] == [
        "x(...): a variable that holds an unknown callable"
    ]
