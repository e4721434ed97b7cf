"""A copy of an optimizer for one compile, and what is found on the optimizer afterwards."""

from __future__ import annotations

import asyncio
import random
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


def test_a_shallow_copy_has_everything(isolation: Any) -> None:
    """Also what the class leaves out of its copies."""
    optimizer = Optimizer(a=[1], b=2)
    twin = isolation.shallow_copy(optimizer)
    assert twin is not optimizer and type(twin) is Optimizer
    assert vars(twin) == vars(optimizer) and twin.a is optimizer.a


def test_what_a_compile_leaves_is_found_at_the_end(isolation: Any) -> None:
    optimizer = Optimizer(changed=1, gone=2, same=[3])
    with isolation.for_one_compile(optimizer) as own:
        own.changed, own.new = 10, 20
        del own.gone
        assert vars(optimizer) == {"changed": 1, "gone": 2, "same": [3]}
    assert vars(optimizer) == {"changed": 10, "new": 20, "same": [3]}


def test_after_an_error_too(isolation: Any) -> None:
    optimizer = Optimizer()
    with pytest.raises(KeyError), isolation.for_one_compile(optimizer) as own:
        own.reached = "here"
        raise KeyError
    assert optimizer.reached == "here"


def test_what_others_leave_meanwhile_stays_unless_it_is_the_same(isolation: Any) -> None:
    optimizer = Optimizer(both=0)
    with isolation.for_one_compile(optimizer) as first:
        with isolation.for_one_compile(optimizer) as second:
            first.both, second.both, second.other = 1, 2, 3
        optimizer.set_by_hand = 4
    assert vars(optimizer) == {"both": 1, "other": 3, "set_by_hand": 4}


def test_generators_are_drawn_from_alone_and_go_on(isolation: Any) -> None:
    module = type(isolation.Module())()
    module.rng, module.part = random.Random(2), object()
    optimizer = Optimizer(rng=random.Random(1), system=random.SystemRandom(), module=module)
    expected = random.Random(1).random(), random.Random(2).random()
    with isolation.for_one_compile(optimizer) as first, isolation.for_one_compile(optimizer) as second:
        for own in (first, second):
            assert (own.rng.random(), own.module.rng.random()) == expected
            assert own.module.part is module.part and own.system is optimizer.system
    assert optimizer.module is module
    for rng, seed in ((optimizer.rng, 1), (module.rng, 2)):
        other = random.Random(seed)
        other.random()
        assert rng.random() == other.random()


def test_methods_that_are_kept_belong_to_who_keeps_them(isolation: Any) -> None:
    other = Optimizer()
    optimizer = Optimizer(theirs=other.method)
    optimizer.mine = optimizer.method
    with isolation.for_one_compile(optimizer) as own:
        assert own.mine() is own and own.theirs() is other
        own.later = own.method
    assert optimizer.mine() is optimizer.later() is optimizer and optimizer.theirs() is other


@pytest.fixture
def compiles(isolation: Any) -> Any:
    return load("dspy.teleprompt.compiles", ADDITIONS / "teleprompt" / "compiles.py")


async def test_an_optimizer_serves_two_compiles_at_once(compiles: Any, runtime: SimpleNamespace) -> None:
    """As where compiling has callbacks; a `compile` that it overrides works on the same copy."""

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
        cls.compile = compiles.compiles_on_a_copy(cls.compile)
    optimizer, settings = Above(), runtime.Settings()
    assert await asyncio.gather(optimizer.compile(settings, "a"), optimizer.compile(settings, student="b")) == [
        "aa",
        "bb",
    ]
    assert len(optimizer.seen) == 4 and len(set(optimizer.seen)) == 2 and id(optimizer) not in optimizer.seen
