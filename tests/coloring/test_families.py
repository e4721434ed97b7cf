"""Functions that share their colours."""

from __future__ import annotations

import pytest

from tests.support.conversion import both, colours


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
