"""Functions that share their colours."""

from __future__ import annotations

import pytest

from tests.support.conversion import both, colours, toy_coloring


def test_overrides_in_both_directions() -> None:
    code = """
        class Base:
            def run(self): ...
            def __init__(self): ...
        class Left(Base):
            def run(self): return settings.lm()
        class Right(Base):
            def run(self): ...
        class Deep(Right):
            def run(self): ...
        class Other:
            def run(self): ...
        def f(x: Base, y: Deep, z: Other): return x.run(), z.run()
        def g(y: Deep): return y.run()
        def h(z: Other): return z.run()
        """
    assert colours(code) == both("Base.run", "Left.run", "Right.run", "Deep.run", "f", "g")


def test_overrides_past_a_class_without_and_of_several_bases() -> None:
    code = """
        class Base:
            def run(self): return settings.lm()
        class Middle(Base): ...
        class Deep(Middle):
            def run(self): ...
        class Mixin:
            def run(self): ...
        class Both(Base, Mixin):
            def run(self): ...
        """
    assert colours(code) == both("Base.run", "Deep.run", "Mixin.run", "Both.run")


def test_a_method_of_a_mixin() -> None:
    code = """
        class Base:
            def run(self): ...
            def start(self): return self.run()
        class Mixin:
            def run(self): return settings.lm()
        class Both(Mixin, Base): ...
        def f(base: Base): return base.start()
        """
    assert colours(code) == both("Base.run", "Base.start", "Mixin.run", "f")


def test_protocols_and_abstract_classes() -> None:
    code = """
        from abc import ABC, abstractmethod
        from typing import Protocol
        class Shape(ABC):
            @abstractmethod
            def run(self): ...
        class Like(Protocol):
            def run(self): ...
        class Real(Shape, Like):
            def run(self): return settings.lm()
        def f(x: Shape): return x.run()
        def g(x: Like): return x.run()
        """
    assert colours(code) == both("Shape.run", "Like.run", "Real.run", "f", "g")


@pytest.mark.parametrize(
    "choice",
    [
        "fn = slow if x else fast\n    return fn(x)",
        "return (slow or fast)(x)",
        "return {'a': slow, 'b': fast}[x](x)",
        "for fn in (fast, slow):\n        fn(x)",
        "fn = fast\n    if x:\n        fn = slow\n    fn(x)",
        "return call(fast, x), call(slow, x)",
    ],
)
def test_interchangeable_functions(choice: str) -> None:
    code = "def slow(x): return settings.lm(x)\ndef fast(x): return x\ndef call(fn, x): return fn(x)\n"
    code += f"def f(x):\n    {choice}\n"
    coroutine, settings = colours(code)
    assert {"slow", "fast", "f"} <= coroutine == settings


def test_three_functions_that_stand_for_each_other() -> None:
    code = "".join(f"def f{n}(x): return x\n" for n in range(3))
    code += "def slow(x): return settings.lm(x)\n"
    code += "def a(x): return (f0 or f1)(x)\ndef b(x): return (f1 or f2)(x)\ndef c(x): return (f2 or slow)(x)\n"
    assert colours(code) == both("f0", "f1", "f2", "slow", "a", "b", "c")


STREAMS = """
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
"""


def test_what_stands_for_a_generator_is_not_awaited_and_stays_plain() -> None:
    assert colours(STREAMS) == ({"Asks.stream", "f"}, {"Base.stream", "Asks.stream", "Hands.stream", "f"})


def test_functions_of_one_name_that_are_called_at_one_place_stand_for_each_other() -> None:
    code = f"{STREAMS}class Refuses:\n    def stream(self, x): raise ValueError\n"
    code += "def g(x):\n    engine = Asks() if x else Refuses()\n    for each in engine.stream(x): print(each)\n"
    coroutine, settings = colours(code)
    assert "Refuses.stream" in settings - coroutine and "g" in coroutine


def test_one_that_has_something_to_wait_for_itself_waits() -> None:
    coroutine, _ = colours(f"{STREAMS}class Late(Base):\n    def stream(self, x): return list(settings.lm(x))\n")
    assert "Late.stream" in coroutine


def test_one_that_gives_what_is_gone_through_at_once_is_found() -> None:
    coloring = toy_coloring(f"{STREAMS}class Lists(Base):\n    def stream(self, x):\n        return [x]\n")
    assert [(finding.rule, finding.message) for finding in coloring.findings] == [
        (
            "generator",
            "dspy.sample:Lists.stream stands for an asynchronous generator, and gives none: returns [x]",
        )
    ]
