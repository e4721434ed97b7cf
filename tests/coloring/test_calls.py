"""Calls inside of wrappers: whom they reach."""

from __future__ import annotations

import pytest

from tests.support.conversion import both, colours, toy_coloring


def test_wrappers_are_transparent() -> None:
    code = """
        import functools
        def deco(fn):
            @functools.wraps(fn)
            def wrapper(*xs, **ys):
                print("called")
                return fn(*xs, **ys)
            return wrapper
        @deco
        def slow(lm): return lm()
        @deco
        def fast(x): return x
        def f(lm): return slow(lm)
        def g(x): return fast(x)
        """
    assert colours(code) == both("slow", "f")


def test_a_wrapper_that_works_with_the_result() -> None:
    code = """
        import functools
        def deco(fn):
            @functools.wraps(fn)
            def wrapper(*xs, **ys):
                result = fn(*xs, **ys)
                return result.text
            return wrapper
        @deco
        def slow(lm): return lm()
        """
    assert [f.message for f in toy_coloring(code).unresolved] == ["fn(...): a variable that holds an unknown callable"]


@pytest.mark.parametrize(
    ("body", "unresolved"),
    [
        ("found = await fn(*xs, **ys)\n        return found", 0),
        ("return await fn(*xs)", 0),
        ("return await fn(1, *xs)", 1),
        ("return fn(*xs)", 1),
    ],
)
def test_a_wrapper_that_hands_on_all_it_was_handed(body: str, unresolved: int) -> None:
    code = (
        "import functools\ndef deco(fn):\n"
        f"    @functools.wraps(fn)\n    async def later(*xs, **ys):\n        {body}\n    return later\n"
    )
    assert len(toy_coloring(code).unresolved) == unresolved


def test_what_only_borrows_a_function_s_name_is_no_wrapper_of_it() -> None:
    code = """
        import functools
        def deco(fn):
            @functools.wraps(fn)
            def describe(x): return fn.__name__, x
            return describe(1)
        """
    assert toy_coloring(code).unresolved == []
