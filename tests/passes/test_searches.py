"""`any`, `all` and `next` of what waits take no more of an asynchronous generator than they took of a plain one."""

from __future__ import annotations

import pytest

from tests.support.conversion import assert_converted


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("any(lm(x) for x in xs)", "anext((True for x in xs if await lm(settings, x)), False)"),
        ("any((lm(x) for x in xs if x))", "anext((True for x in xs if x if await lm(settings, x)), False)"),
        ("all(lm(x) for x in xs)", "anext((False for x in xs if not await lm(settings, x)), True)"),
        ("all(x or lm(x) for x in xs)", "anext((False for x in xs if not (x or await lm(settings, x))), True)"),
        ("all(lm(x) > y for x in xs for y in x)",
         "anext((False for x in xs for y in x if not await lm(settings, x) > y), True)"),
        ("any(x for x in xs if lm(x))", "anext((True for x in xs if await lm(settings, x) if x), False)"),
        ("next((x for x in xs if lm(x)), None)", "anext((x for x in xs if await lm(settings, x)), None)"),
    ],
)  # fmt: skip
def test_the_first_of_an_asynchronous_generator(before: str, after: str) -> None:
    assert_converted(
        f"def _f(lm: BaseLM, xs):\n    return {before}\n",
        f"async def _f(settings: Settings, lm: BaseLM, xs):\n    return await {after}\n",
    )


def test_what_needs_no_waiting_and_what_is_no_builtin_stays() -> None:
    assert_converted(
        """
        def _f(lm: BaseLM, xs, any):
            return any([lm(x) for x in xs]), all(x for x in xs), next(iter(xs), lm)
        """,
        """
        async def _f(settings: Settings, lm: BaseLM, xs, any):
            return any([await lm(settings, x) for x in xs]), all(x for x in xs), next(iter(xs), lm)
        """,
        unresolved=["2: unresolved"],
    )


def test_a_hit_in_a_condition() -> None:
    assert_converted(
        """
        def _f(lm: BaseLM, xs):
            if not any(lm(x) for x in xs):
                return next((lm(x) for x in xs), "nothing").strip()
        """,
        """
        async def _f(settings: Settings, lm: BaseLM, xs):
            if not await anext((True for x in xs if await lm(settings, x)), False):
                return (await anext((await lm(settings, x) for x in xs), "nothing")).strip()
        """,
    )
