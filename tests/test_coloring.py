"""Which functions become coroutines and which take settings: from the leaves up, across families, with reasons."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest

from codemods.coloring import Coloring, color
from codemods.program import build_program
from codemods.rules import load_rules
from tests.support.conversion import FINAL, RULES, SAMPLE, coroutines, takers, toy_coloring, toy_files, toy_rules


def colours(code: str, files: Mapping[str, str] | None = None) -> tuple[set[str], set[str]]:
    """Coroutines and takers of settings of the sample."""
    coloring = toy_coloring(code, files)
    return coroutines(coloring), takers(coloring)


def both(*names: str) -> tuple[set[str], set[str]]:
    return set(names), set(names)


def findings(coloring: Coloring) -> set[tuple[str, str]]:
    return {(finding.rule, finding.message.partition(":")[2].split(" ")[0]) for finding in coloring.findings}


# -- leaves ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "coroutine", "settings"),
    [
        ("def f(): ...", set(), set()),
        ("async def f(): ...", {"f"}, set()),
        ("def f(): return settings.trace", set(), {"f"}),
        ("def f(): return dspy.settings", set(), {"f"}),
        ("def f():\n    with dspy.context(): ...", set(), {"f"}),
        ("def f(settings): ...", set(), {"f"}),
        ("def f(settings: Settings): ...", set(), {"f"}),
        ("def f(settings: 'dspy.Settings | None'): ...", set(), {"f"}),
        ("def f(settings: dict): ...", set(), set()),
        ("def f(settings: Settings, x): ...\ndef g(settings): return f(settings, 1)", set(), {"f", "g"}),
        ("def f(lm): return lm()", {"f"}, {"f"}),
        ("def f(lm): return lm.forward()", {"f"}, {"f"}),
        ("def f(lm): return lm.cost()", set(), set()),
        ("def f(metric): return metric()", {"f"}, {"f"}),
        ("def f(metric): return 1", set(), set()),
        ("def f(factory): return factory()", set(), set()),
        ("def f(tools, x): return tools[x]()", {"f"}, {"f"}),
        ("def f(): return settings.rm()", {"f"}, {"f"}),
        ("@with_callbacks\ndef f(): ...", {"f"}, {"f"}),
        ("class C(Module):\n    def forward(self): ...", {"C.forward"}, {"C.forward"}),
        ("class C(Module):\n    def other(self): ...", set(), set()),
        ("class C(BaseCallback):\n    def on_what(self): ...", {"C.on_what"}, {"C.on_what"}),
        ("def f():\n    settings = Settings()\n    return settings.trace", set(), set()),
        ("def f():\n    settings = Settings()\n    return Ask()(settings)", {"f"}, set()),
    ],
)
def test_leaves(code: str, coroutine: set[str], settings: set[str]) -> None:
    assert colours(f"{code}\n") == (coroutine, settings)


def test_a_leaf_may_take_no_settings() -> None:
    rule = '[[leaf]]\nsymbol = "dspy.sample:fetch"\nsettings = false\nreason = "waits, and asks nothing"\n'
    code = "def fetch(): ...\ndef f(): return fetch()\n"
    coloring = toy_coloring(code, rules=load_rules(RULES + rule))
    assert (coroutines(coloring), takers(coloring)) == ({"fetch", "f"}, set())


# -- from callee to caller ---------------------------------------------------------------------------------------------


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


# -- families ----------------------------------------------------------------------------------------------------------


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


# -- wrappers ----------------------------------------------------------------------------------------------------------


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
    "body",
    [
        "    if inspect.iscoroutinefunction(fn):\n        return later\n    return now",
        "    if asyncio.iscoroutinefunction(fn):\n        return later\n    else:\n        return now",
        "    return later if asyncio.iscoroutinefunction(fn) else now",
    ],
)
def test_branches_for_coroutine_functions(body: str) -> None:
    code = (
        "import asyncio, functools, inspect\ndef deco(fn):\n"
        "    @functools.wraps(fn)\n    async def later(*xs): return await fn(*xs)\n"
        f"    @functools.wraps(fn)\n    def now(*xs): return fn(*xs)\n{body}\n"
        "@deco\ndef fast(x): return x\n@deco\ndef slow(lm): return lm()\n"
        "def f(lm): return slow(lm)\ndef g(): return fast(1)\n"
    )
    coloring = toy_coloring(code)
    assert "deco.<locals>.now" not in coroutines(coloring)
    assert coroutines(coloring) - {"deco.<locals>.later"} == {"slow", "f"}


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


# -- reasons -----------------------------------------------------------------------------------------------------------


def test_explanations() -> None:
    code = """
        class Base:
            def run(self): ...
        class Sub(Base):
            def run(self):
                return settings.lm("a")
        def f(base: Base):
            return base.run()
        """
    coloring = color(build_program(toy_files(code, header=True)), toy_rules(), FINAL)
    offset = toy_files("", header=True)[SAMPLE].count("\n")
    assert coloring.explain("dspy.sample:f") == [
        "dspy.sample:f: coroutine",
        f"  dspy/sample.py:{offset + 7}: dspy.sample:f calls dspy.sample:Base.run",
        f"  dspy/sample.py:{offset + 2}: stands for dspy.sample:Sub.run (override or interchangeable)",
        f"  dspy/sample.py:{offset + 5}: dspy.sample:Sub.run calls dspy.clients.base_lm:BaseLM.__call__",
        "  dspy/clients/base_lm.py:5: is a coroutine in the source",
        "dspy.sample:f: settings",
        f"  dspy/sample.py:{offset + 7}: dspy.sample:f calls dspy.sample:Base.run",
        f"  dspy/sample.py:{offset + 2}: stands for dspy.sample:Sub.run (override or interchangeable)",
        f"  dspy/sample.py:{offset + 5}: reads settings",
    ]
    assert coloring.explain("dspy.sample:Base") == []
    assert coloring.explain("dspy.clients.base_lm:BaseLM.cost") == []


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("def f(metric): return metric()", "calls what a user supplies (metric)"),
        ("@with_callbacks\ndef f(): ...", "is decorated with with_callbacks"),
        ("async def f(): ...", "is a coroutine in the source"),
        ("def f(): return dspy.settings.trace", "reads dspy.settings"),
        ("def f(settings: Settings): ...", "takes settings in the source"),
        ("class f(Module):\n    def forward(self): ...", "a program waits for models"),
    ],
)
def test_reasons_of_leaves(code: str, text: str) -> None:
    coloring = toy_coloring(f"{code}\n")
    symbol = "dspy.sample:f.forward" if "class" in code else "dspy.sample:f"
    reason = coloring.coroutine.get(symbol) or coloring.settings[symbol]
    assert (reason.text, reason.via) == (text, None)


# -- what is listed ----------------------------------------------------------------------------------------------------


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


def test_walls() -> None:
    code = """
        class Shop:
            def __init__(self, lm): lm()
            @property
            def name(self): return settings.lm()
            def __len__(self): return settings.size
            def __call__(self): return settings.lm()
        def f(shop: Shop): return shop.name, len(shop), shop()
        """
    coloring = toy_coloring(code)
    assert (coroutines(coloring), takers(coloring)) == both("Shop.__call__", "f")
    assert findings(coloring) == {
        ("wall-coroutine", "Shop.__init__"),
        ("wall-settings", "Shop.__init__"),
        ("wall-coroutine", "Shop.name"),
        ("wall-settings", "Shop.name"),
        ("wall-settings", "Shop.__len__"),
    }


# -- final code, order -------------------------------------------------------------------------------------------------


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
