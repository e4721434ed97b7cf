"""What compiles of one optimizer work on, one after the other and at the same time."""

from __future__ import annotations

import asyncio
import contextvars
import random
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from tests.patches.conftest import ADDITIONS, load


@pytest.fixture
def isolation(runtime: SimpleNamespace) -> Any:
    return load("dspy.teleprompt.isolation", ADDITIONS / "teleprompt" / "isolation.py")


class Optimizer:
    def __init__(self, **values: Any) -> None:
        vars(self).update(values)

    def method(self) -> Any:
        return self

    def __getstate__(self) -> dict[str, Any]:
        return {}


async def apart(block: Callable[[], Any]) -> Any:
    """What a block gives in a task of its own."""

    async def work() -> Any:
        return block()

    return await asyncio.create_task(work(), context=contextvars.Context())


def test_a_compile_works_on_the_optimizer_itself(isolation: Any) -> None:
    optimizer = Optimizer(changed=1, gone=2)
    for _ in range(2):
        with isolation.for_one_compile(optimizer) as own:
            assert own is optimizer is isolation.original_of(own)
    assert vars(optimizer) == {"changed": 1, "gone": 2}


async def test_another_one_gets_it_as_it_was_before(isolation: Any) -> None:
    optimizer = Optimizer(changed=1, gone=2, same=[3])

    def second() -> None:
        with isolation.for_one_compile(optimizer) as own:
            assert own is not optimizer and type(own) is Optimizer
            assert vars(own) == {"changed": 1, "gone": 2, "same": [3]} and own.same is optimizer.same
            assert isolation.original_of(own) is optimizer
            own.changed = 20

    with isolation.for_one_compile(optimizer):
        optimizer.changed, optimizer.new = 10, 20
        del optimizer.gone
        await apart(second)
        await apart(second)
    assert vars(optimizer) == {"changed": 10, "new": 20, "same": [3]}


@pytest.mark.parametrize("error", [KeyError, asyncio.CancelledError, GeneratorExit])
async def test_nothing_is_left_of_one_that_fails(isolation: Any, error: type[BaseException]) -> None:
    optimizer = Optimizer()

    def fails() -> None:
        with isolation.for_one_compile(optimizer):
            raise error

    with isolation.for_one_compile(optimizer), pytest.raises(error):
        await apart(fails)
    with pytest.raises(error):
        fails()
    assert isolation._UNDER_WAY == isolation._ORIGINALS == {}
    with isolation.for_one_compile(optimizer) as own:
        assert own is optimizer


def test_what_a_compile_starts_of_its_own_optimizer_is_a_part_of_it(isolation: Any) -> None:
    optimizer = Optimizer()
    with isolation.for_one_compile(optimizer), isolation.for_one_compile(optimizer) as inner:
        assert inner is optimizer


async def test_so_is_what_it_starts_in_a_task_and_two_at_once_are_apart(isolation: Any) -> None:
    optimizer, found = Optimizer(), []

    async def inner() -> None:
        with isolation.for_one_compile(optimizer) as own:
            found.append(own)
            await asyncio.sleep(0)

    with isolation.for_one_compile(optimizer):
        await asyncio.create_task(inner())
        await asyncio.gather(inner(), inner())
    assert found[:2] == [optimizer, optimizer] and found[2] is not optimizer


async def test_each_draws_what_it_draws_alone_and_that_of_the_optimizer_goes_on(isolation: Any) -> None:
    module = type(isolation.Module())()
    module.rng, module.part = random.Random(2), object()
    optimizer = Optimizer(rng=random.Random(1), system=random.SystemRandom(), module=module)
    expected = random.Random(1).random(), random.Random(2).random()

    def second() -> None:
        with isolation.for_one_compile(optimizer) as own:
            assert (own.rng.random(), own.module.rng.random()) == expected
            assert own.module is not module and own.module.part is module.part and own.system is optimizer.system

    with isolation.for_one_compile(optimizer):
        assert (optimizer.rng.random(), module.rng.random()) == expected
        await apart(second)
        await apart(second)
    for rng, seed in ((optimizer.rng, 1), (module.rng, 2)):
        other = random.Random(seed)
        other.random()
        assert rng.random() == other.random()


async def test_methods_that_are_kept_belong_to_who_keeps_them(isolation: Any) -> None:
    other = Optimizer()
    optimizer = Optimizer(theirs=other.method)
    optimizer.mine = optimizer.method

    def second() -> None:
        with isolation.for_one_compile(optimizer) as own:
            assert own.mine() is own and own.theirs() is other

    with isolation.for_one_compile(optimizer):
        await apart(second)
    assert optimizer.mine() is optimizer


@pytest.fixture
def compiles(isolation: Any) -> Any:
    return load("dspy.teleprompt.compiles", ADDITIONS / "teleprompt" / "compiles.py")


async def test_an_optimizer_serves_two_compiles_at_once(compiles: Any, runtime: SimpleNamespace) -> None:
    """As where compiling has callbacks; a `compile` that it overrides works on the same object."""

    class Below(Optimizer):
        async def compile(self, settings: Any, student: str) -> str:
            self.seen.append(id(self))
            await asyncio.sleep(0)
            return self.student + student

    class Above(Below):
        def __init__(self) -> None:
            super().__init__(seen=[], student="")

        async def compile(self, settings: Any, student: str) -> str:
            self.student = student
            await asyncio.sleep(0)
            self.seen.append(id(self))
            return await super().compile(settings, student)

    for cls in (Below, Above):
        cls.compile = compiles.compiles_undisturbed(cls.compile)
    optimizer, settings = Above(), runtime.Settings()
    assert await asyncio.gather(optimizer.compile(settings, "a"), optimizer.compile(settings, student="b")) == [
        "aa",
        "bb",
    ]
    assert len(optimizer.seen) == 4 and len(set(optimizer.seen)) == 2 and id(optimizer) in optimizer.seen
