"""How the colours spread: from the leaves up, to callers of callers."""

from __future__ import annotations

import random

import pytest

from codemods.coloring import color
from codemods.program import build_program
from tests.support.conversion import FINAL, both, colours, coroutines, takers, toy_coloring, toy_files, toy_rules


def test_callers_of_callers() -> None:
    code = """
        def a(lm): return lm()
        def b(x): return a(x)
        def c(x): return [b(y) for y in x]
        def d(x): return x, c
        def e(x): return d(x)[1]
        def f(): return settings.trace
        def g(): return f()
        def h(): return g
        def ping(n): return pong(n)
        def pong(n): return ping(n) or a(n)
        """
    assert colours(code) == ({"a", "b", "c", "ping", "pong"}, {"a", "b", "c", "f", "g", "ping", "pong"})


def test_through_attributes_containers_and_modules() -> None:
    code = """
        from dspy import other
        class Shop:
            def __init__(self):
                self.ask = Ask()
                self.all = {"a": Ask()}
            def one(self): return self.ask()
            def many(self): return [ask(q=1) for ask in self.all.values()]
            def named(self, x): return self.all[x]()
        def f(): return other.run(), Shop().one()
        """
    files = {"dspy/other.py": "from dspy import settings\ndef run(): return settings.lm()\n"}
    assert colours(code, files) == both("Shop.one", "Shop.many", "Shop.named", "f")


def test_nested_functions() -> None:
    code = """
        def outer(lm):
            def inner(): return lm()
            def reads(): return settings.trace
            return inner(), reads()
        def hands(lm):
            def inner(): return lm()
            return inner
        def closes():
            def reads(): return settings.trace
            return reads
        """
    assert colours(code) == (
        {"outer", "outer.<locals>.inner", "hands.<locals>.inner"},
        {"outer", "outer.<locals>.inner", "hands.<locals>.inner", "closes"},
    )


def test_lambdas() -> None:
    code = """
        def outer(lm):
            ask = lambda: lm()
            plain = lambda: 1
            return ask(), plain()
        """
    assert colours(code) == both("outer", "outer.<locals>.<lambda1>")


@pytest.mark.parametrize("put", ["program.forward = wrapped", "setattr(program, 'forward', wrapped)"])
def test_a_method_that_is_replaced(put: str) -> None:
    code = f"""
        class Prog(Module):
            def forward(self, q): ...
        def f(program: Prog):
            original = program.forward
            def wrapped(*xs, **ys):
                return original(*xs, **ys)
            {put}
        """
    coroutine, settings = colours(code)
    assert "f.<locals>.wrapped" in coroutine & settings


def test_a_method_of_super_as_a_value() -> None:
    code = """
        class Base(Module):
            def forward(self, q): ...
        class Sub(Base):
            def forward(self, q): return self._retry(super().forward, q)
            def _retry(self, fn, q): return fn(q)
        """
    assert colours(code) == both("Base.forward", "Sub.forward", "Sub._retry")


def test_final_code_is_as_it_stands() -> None:
    code = """
        def plain(lm): return lm()
        async def later(settings: Settings): ...
        async def bare(lm): return lm()
        def f(lm): return plain(lm)
        def g(): return later()
        def h(lm): return bare(lm)
        """
    final = [f"dspy.sample:{name}" for name in ("plain", "later", "bare")]
    coloring = toy_coloring(code, final=final)
    assert coroutines(coloring) == {"later", "bare", "g", "h"}
    assert takers(coloring) == {"later", "g"}


def test_the_order_of_files_does_not_matter() -> None:
    code = """
        class Base:
            def run(self): ...
        def f(base: Base, metric): return base.run(), metric(1), unknown(2)
        """
    other = "from dspy import settings\nfrom dspy.sample import Base\n"
    other += "class Sub(Base):\n    def run(self): return settings.lm()\n"
    files = toy_files(code, {"dspy/a_other.py": other})
    results = []
    for seed in range(3):
        names = list(files)
        random.Random(seed).shuffle(names)
        found = color(build_program({name: files[name] for name in names}), toy_rules(), FINAL)
        results.append((found.coroutine, found.settings, found.unresolved, found.findings, dict(found.matches)))
    assert results[0] == results[1] == results[2]
    assert "dspy.sample:f" in results[0][0]
