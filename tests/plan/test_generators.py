"""What becomes of loops and generator expressions."""

from __future__ import annotations

import pytest

from tests.support.conversion import assert_converted
from tests.support.planning import TOP, planned

PARTS = "def parts(): yield settings.lm()\n"


def test_what_waits_is_looped_over_asynchronously() -> None:
    plan = planned(f"{PARTS}def f():\n    for x in parts():\n        print(x)\n")
    assert {place[0] - TOP for place in plan.iterations} == {3}


def test_yield_from_becomes_a_loop() -> None:
    plan = planned(f"{PARTS}def f():\n    yield from parts()\n")
    assert list(plan.delegations.values()) == ["item"]


def test_what_draws_everything_is_handed_a_list() -> None:
    plan = planned("def f(lm, xs): return sum(lm(x) for x in xs)\n")
    assert len(plan.to_list) == 1
    assert plan.findings == []


@pytest.mark.parametrize("name", ["any", "all"])
def test_a_search_asks_for_no_more_than_it_needs(name: str) -> None:
    plan = planned(f"def f(lm, xs): return {name}(lm(x) for x in xs)\n")
    assert [call.search for call in plan.calls.values() if call.search] == [name]


@pytest.mark.parametrize("use", ["[*parts()]", "1 in parts()", "map(str, parts())"])
def test_where_only_a_plain_one_will_do_it_is_a_finding(use: str) -> None:
    assert [finding.rule for finding in planned(f"{PARTS}def f(): return {use}\n").findings] == ["generator"]


def test_a_plain_function_beside_a_generator_hands_on_what_is_gone_through() -> None:
    assert_converted(
        """
        class Base:
            def stream(self, x): raise NotImplementedError
        class Asks(Base):
            def stream(self, x):
                yield settings.lm(x)
        class Hands(Base):
            def __init__(self, inner: Asks): self.inner = inner
            def stream(self, x): return self.inner.stream(x)
        def f(base: Base):
            for each in base.stream(1):
                print(each)
        """,
        """
        class Base:
            def stream(self, settings: Settings, x): raise NotImplementedError
        class Asks(Base):
            async def stream(self, settings: Settings, x):
                yield await settings.lm(settings, x)
        class Hands(Base):
            def __init__(self, inner: Asks): self.inner = inner
            def stream(self, settings: Settings, x): return self.inner.stream(settings, x)
        @takes_settings
        async def f(settings: Settings, base: Base):
            async for each in base.stream(settings, 1):
                print(each)
        """,
    )
