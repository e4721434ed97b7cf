"""What an expression may hold: `probe(x)` in a sample is asked for the values of its argument."""

from __future__ import annotations

import ast
import random
from collections.abc import Mapping

import pytest

from codemods.program import build_program
from codemods.program.flow import Flow
from codemods.program.values import (
    ClassRef,
    Container,
    External,
    FunctionRef,
    Instance,
    ModuleRef,
    Opaque,
    Plain,
    SuperRef,
    Supplied,
    Value,
)
from tests.support.conversion import SAMPLE, TOY, dedent, toy_coloring, toy_files, toy_rules


def held(code: str, files: Mapping[str, str] | None = None) -> set[str]:
    """What the arguments of all calls of `probe` hold, in short: `Ask()` is an object, `Ask` the class."""
    sources = toy_files(code, files)
    flow = Flow(build_program(sources), toy_rules())
    flow.solve()
    return {
        short(value)
        for scope in flow.scopes
        for call in scope.calls
        if isinstance(call.func, ast.Name) and call.func.id == "probe"
        for value in flow.values(call.args[0], scope)
    }


def short(value: Value) -> str:
    match value:
        case Instance(cls):
            return f"{cls.rpartition(':')[2]}()"
        case ClassRef(cls) | SuperRef(cls):
            return f"{'super of ' if isinstance(value, SuperRef) else ''}{cls.rpartition(':')[2]}"
        case FunctionRef(function):
            return f"def {function.rpartition(':')[2]}"
        case ModuleRef(name):
            return f"module {name}"
        case External(name):
            return name
        case Supplied(name) | Plain(name):
            return f"{type(value).__name__.lower()} {name}"
        case Container():
            return "[]"
        case Opaque():
            return "callable"


# -- annotations -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("annotation", "found"),
    [
        ("BaseLM", {"BaseLM()"}),
        ("'BaseLM'", {"BaseLM()"}),
        ("dspy.BaseLM", {"BaseLM()"}),
        ("'dspy.clients.base_lm.BaseLM'", {"BaseLM()"}),
        ("Optional[BaseLM]", {"BaseLM()"}),
        ("typing.Optional['BaseLM']", {"BaseLM()"}),
        ("Union[BaseLM, Module, None]", {"BaseLM()", "Module()"}),
        ("BaseLM | None", {"BaseLM()"}),
        ("'BaseLM | Module'", {"BaseLM()", "Module()"}),
        ("Annotated[BaseLM, 'x']", {"BaseLM()"}),
        ("type[BaseLM]", {"BaseLM"}),
        ("Coroutine[Any, Any, BaseLM]", {"BaseLM()"}),
        ("str", {"object()"}),
        ("Literal['a']", {"object()"}),
        ("Any", set()),
        ("object", set()),
        ("Callable", {"callable"}),
        ("Callable[[int], BaseLM]", {"callable"}),
        ("'not valid ['", set()),
        ("list[BaseLM]", {"[]"}),
        ("dict[str, BaseLM]", {"[]"}),
    ],
)
def test_annotations(annotation: str, found: set[str]) -> None:
    imports = "import typing\nfrom typing import Annotated, Any, Callable, Coroutine, Literal, Optional, Union\n"
    assert held(f"{imports}def f(x: {annotation}):\n    probe(x)\n") == found


@pytest.mark.parametrize(
    ("annotation", "expression"),
    [
        ("list[BaseLM]", "x[0]"),
        ("list[BaseLM]", "x[-1]"),
        ("list[BaseLM]", "x[1:][0]"),
        ("List['BaseLM']", "x[i]"),
        ("Sequence[Optional[BaseLM]]", "x[0]"),
        ("set[BaseLM]", "x.pop()"),
        ("dict[str, BaseLM]", "x['a']"),
        ("Mapping[str, BaseLM]", "x.get('a')"),
        ("dict[str, list[BaseLM]]", "x['a'][0]"),
        ("tuple[str, BaseLM]", "x[1]"),
        ("tuple[BaseLM, ...]", "x[3]"),
        ("list[tuple[str, BaseLM]]", "x[0][1]"),
        ("Iterator[BaseLM]", "next(x)"),
        ("list[BaseLM]", "next(iter(x))"),
        ("list[BaseLM]", "random.choice(x)"),
        ("list[BaseLM]", "max(x, key=len)"),
        ("list[BaseLM]", "sorted(x)[0]"),
        ("list[BaseLM]", "list(reversed(x))[0]"),
        ("list[BaseLM]", "(x + x)[0]"),
        ("list[BaseLM]", "[*x][0]"),
        ("list[BaseLM]", "x.copy()[0]"),
        ("list[BaseLM]", "[y for y in x][0]"),
        ("list[BaseLM]", "{y: y for y in x}['a']"),
        ("list[BaseLM]", "dict(a=x)['a'][0]"),
        ("dict[str, BaseLM]", "list(x.values())[0]"),
        ("dict[str, BaseLM]", "{**x}['a']"),
        ("dict[str, BaseLM]", "list(x.items())[0][1]"),
        ("list[BaseLM]", "list(enumerate(x))[0][1]"),
        ("list[BaseLM]", "list(zip('ab', x))[0][1]"),
    ],
)
def test_elements_of_annotated_containers(annotation: str, expression: str) -> None:
    imports = "import random\nfrom typing import Iterator, List, Mapping, Optional, Sequence\n"
    assert "BaseLM()" in held(f"{imports}def f(x: {annotation}, i):\n    probe({expression})\n")


@pytest.mark.parametrize(("index", "found"), [("0", {"object()"}), ("1", {"BaseLM()"})])
def test_places_in_a_tuple_are_told_apart(index: str, found: set[str]) -> None:
    assert held(f"def f(x: tuple[str, BaseLM]):\n    probe(x[{index}])\n") == found
    assert held(f"def f(y: BaseLM):\n    x = ('a', y)\n    probe(x[{index}])\n") == found


# -- statements and expressions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statements", "found"),
    [
        ("x = BaseLM()", {"BaseLM()"}),
        ("x = y = BaseLM()", {"BaseLM()"}),
        ("x: BaseLM", {"BaseLM()"}),
        ("x: BaseLM = Ask()", {"BaseLM()", "Ask()"}),
        ("x = BaseLM()\nx = Ask()", {"BaseLM()", "Ask()"}),
        ("x = None", set()),
        ("x = 'a'", {"object()"}),
        ("x = f'{1}'", {"object()"}),
        ("x = 1 == 2", {"object()"}),
        ("x, y = BaseLM(), 1", {"BaseLM()"}),
        ("(y, [x, z]) = 1, [BaseLM(), 1]", {"BaseLM()", "object()"}),
        ("for x in [BaseLM()]: pass", {"BaseLM()"}),
        ("for i, x in enumerate([BaseLM()]): pass", {"BaseLM()"}),
        ("for y, x in zip('ab', [BaseLM()]): pass", {"BaseLM()"}),
        ("for y, x in {'a': BaseLM()}.items(): pass", {"BaseLM()"}),
        ("for x in {'a': BaseLM()}.values(): pass", {"BaseLM()"}),
        ("for x in (y for y in [BaseLM()]): pass", {"BaseLM()"}),
        ("if (x := BaseLM()): pass", {"BaseLM()"}),
        ("x = BaseLM() or Ask()", {"BaseLM()", "Ask()"}),
        ("x = BaseLM() if a else Ask()", {"BaseLM()", "Ask()"}),
        ("x = a if isinstance(a, BaseLM) else None", {"BaseLM()"}),
        ("try: pass\nexcept ValueError as x: pass", {"object()"}),
        ("with Ask() as x: pass", {"Ask()"}),
        ("with settings.context() as x: pass", {"Settings()"}),
        ("x = copy.deepcopy(BaseLM())", {"BaseLM()"}),
        ("x = BaseLM().deepcopy()", {"BaseLM()"}),
        ("x = typing.cast(BaseLM, a)", {"BaseLM()"}),
        ("x = typing.cast('BaseLM', a)", {"BaseLM()"}),
        ("x = type(BaseLM())()", {"BaseLM()"}),
        ("x = BaseLM().__class__", {"BaseLM"}),
        ("x = getattr(BaseLM(), 'forward')", {"def BaseLM.forward"}),
        ("x = getattr(BaseLM(), a)", set()),
        ("x = functools.partial(BaseLM(), 1)", {"def BaseLM.__call__"}),
        ("x = functools.partial(helper, 1)", {"def helper"}),
        ("x = BaseLM().forward", {"def BaseLM.forward"}),
        ("x = BaseLM.forward", {"def BaseLM.forward"}),
        ("x = await_\nasync def await_(): pass", {"def f.<locals>.await_"}),
        ("x = lambda: 1", {"def f.<locals>.<lambda1>"}),
        ("x = settings.lm", {"BaseLM()"}),
        ("x = settings['lm']", {"BaseLM()"}),
        ("x = settings.rm", {"supplied rm"}),
        ("x = settings.other", set()),
        ("x = dspy.settings", {"Settings()"}),
        ("x = dspy", {"module dspy"}),
        ("x = dspy.clients.base_lm", {"module dspy.clients.base_lm"}),
        ("x = functools.wraps", {"functools.wraps"}),
        ("x = len", {"builtins.len"}),
        ("x = functools.thing().other", {"object()"}),
        ("x = unknown", set()),
    ],
)
def test_statements(statements: str, found: set[str]) -> None:
    lines = "".join(f"    {line}\n" for line in statements.split("\n"))
    code = f"import copy\nimport functools\nimport typing\ndef helper(): ...\ndef f(a):\n{lines}    probe(x)\n"
    assert held(code) == found


def test_the_rest_of_a_sequence_is_a_list() -> None:
    assert held("def f(xs: list[BaseLM]):\n    a, *x = xs\n    probe(x[0])\n") == {"BaseLM()"}


def test_an_expression_after_isinstance_of_several_classes() -> None:
    code = "def f(x):\n    probe(x if isinstance(x, (BaseLM, Ask)) else None)\n"
    assert held(code) == {"BaseLM()", "Ask()"}


def test_a_branch_after_isinstance() -> None:
    assert held("def f(x):\n    if isinstance(x, BaseLM):\n        probe(x)\n") == {"BaseLM()"}


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("assert isinstance(x, BaseLM) and y\n    probe(x)", {"BaseLM()"}),
        ("if not isinstance(x, (BaseLM, Ask)): return\n    probe(x)", {"BaseLM()", "Ask()"}),
        ("if not isinstance(x, BaseLM): pass\n    probe(x)", set()),
        ("if isinstance(x, BaseLM | Ask):\n        while y:\n            probe(x)", {"BaseLM()", "Ask()"}),
        ("if isinstance(x, BaseLM):\n        x = y\n        probe(x)", set()),
        ("if isinstance(x, (BaseLM, str)):\n        probe(x)", set()),
        ("x = Ask() if y else BaseLM()\n    if isinstance(x, Module): probe(x)", {"Ask()"}),
    ],
)
def test_what_is_known_after_isinstance(code: str, found: set[str]) -> None:
    assert held(f"def f(x, y):\n    {code}\n") == found


def test_a_class_pattern() -> None:
    assert held("def f(x):\n    match x:\n        case BaseLM() as y:\n            probe(y)\n") == {"BaseLM()"}


@pytest.mark.parametrize(
    "filling",
    [
        "xs = [BaseLM()]",
        "xs = []\n    xs.append(BaseLM())",
        "xs = []\n    xs += [BaseLM()]",
        "xs = list()\n    xs.extend([BaseLM()])",
        "xs = {}\n    xs['a'] = BaseLM()",
        "xs = dict(a=BaseLM())",
        "xs = {}\n    xs.update({'a': BaseLM()})",
        "xs = {}\n    xs.setdefault('a', BaseLM())",
        "xs = collections.deque()\n    xs.appendleft(BaseLM())",
        "xs = []\n    xs.insert(0, BaseLM())",
        "xs = set()\n    xs.add(BaseLM())",
        "xs = [None] + [BaseLM()]",
    ],
)
def test_what_is_put_into_a_container_comes_out(filling: str) -> None:
    assert "BaseLM()" in held(f"import collections\ndef f():\n    {filling}\n    for x in xs:\n        probe(x)\n")


# -- calls -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "call"),
    [
        ("x", "g(BaseLM())"),
        ("x", "g(x=BaseLM())"),
        ("a, /, x", "g(1, BaseLM())"),
        ("a=1, *, x=None", "g(x=BaseLM())"),
        ("settings, x", "g(settings, BaseLM())"),
        ("settings, x", "g(BaseLM())"),
    ],
)
def test_arguments_reach_parameters(parameters: str, call: str) -> None:
    assert held(f"def g({parameters}):\n    probe(x)\ndef f():\n    {call}\n") == {"BaseLM()"}


def test_arguments_reach_star_parameters() -> None:
    code = "def g(*xs, **ys):\n    probe(xs[0])\n    probe(ys['a'])\ndef f():\n    g(BaseLM(), a=Ask())\n"
    assert held(code) == {"BaseLM()", "Ask()"}


def test_starred_arguments_reach_no_parameter_and_such_a_call_is_listed() -> None:
    """Which of them reaches which parameter is not known: who calls one is told so."""
    code = "def g(x, y):\n    return x(), y()\ndef f(xs: list[BaseLM], ys: dict[str, Ask]):\n    g(*xs, **ys)\n"
    assert [f.message.split("(")[0] for f in toy_coloring(code).unresolved] == ["x", "y"]


def test_attributes_of_objects_classes_and_fields() -> None:
    code = """
        import pydantic


        class Base:
            shared: BaseLM = None
            made = Ask()

            def __init__(self, given, other: "Module | None" = None):
                self.given = given
                self.other = other or Module()


        class Sub(Base):
            def use(self):
                probe(self.shared)
                probe(self.made)
                probe(self.given)
                probe(self.other)


        class Fields(pydantic.BaseModel):
            field: object = None


        def f():
            Sub(BaseCallback())
            fields = Fields(field=Settings())
            probe(fields.field)
        """
    assert held(code) == {"BaseLM()", "Ask()", "BaseCallback()", "Module()", "Settings()"}


def test_methods_static_class_and_properties() -> None:
    code = """
        class Shop:
            @staticmethod
            def static(x): probe(x)
            @classmethod
            def made(cls, x):
                probe(x)
                return cls()
            @property
            def prop(self): return Settings()
            def plain(self, x): probe(x)
        def f(shop: Shop):
            Shop.static(BaseLM())
            shop.made(Ask())
            shop.plain(Module())
            probe(shop.prop)
            probe(Shop.made(None))
        """
    assert held(code) == {"BaseLM()", "Ask()", "Module()", "Settings()", "Shop()"}


def test_overrides_super_and_methods_of_subclasses() -> None:
    code = """
        class Base:
            def run(self): return BaseLM()
            def start(self): return self.later()
        class Sub(Base):
            def run(self): return super().run() or Ask()
            def later(self): return Module()
        def f(base: Base, sub: Sub):
            probe(sub.run())
            probe(base.start())
        """
    assert held(code) == {"BaseLM()", "Ask()", "Module()"}


def test_what_functions_return() -> None:
    code = """
        import functools
        def plain(): return BaseLM()
        async def later(): return Ask()
        def annotated() -> "Module": ...
        def parts():
            yield Settings()
        def through(x): return x
        def wrapped(fn):
            @functools.wraps(fn)
            def wrapper(*xs): return fn(*xs)
            return wrapper
        @wrapped
        def decorated(): return BaseCallback()
        def recursive(n): return recursive(n - 1) if n else TwinNames()
        async def f():
            probe(plain())
            probe(await later())
            probe(annotated())
            for x in parts():
                probe(x)
            probe(through(plain))
            probe((lambda: 1))
            probe(decorated())
            probe(recursive(1))
        """
    assert held(code) == {
        *{"BaseLM()", "Ask()", "Module()", "Settings()", "def plain", "def f.<locals>.<lambda1>", "BaseCallback()"},
        "TwinNames()",
    }


def test_a_wrapper_stands_for_what_it_wraps() -> None:
    code = """
        import functools
        def f(fn: BaseLM):
            @functools.wraps(fn)
            def wrapper(): return fn()
            probe(wrapper)
        """
    assert held(code) == {"BaseLM()"}


def test_through_modules() -> None:
    files = {
        "dspy/shop/__init__.py": "from dspy.shop.store import *\nfrom .store import made as renamed\n",
        "dspy/shop/store.py": "from dspy import BaseLM\nmade = BaseLM()\ndef make():\n    return made\n"
        "class Shelf:\n    top = made\n",
    }
    code = """
        from dspy import shop
        from dspy.shop import make, renamed
        from .shop import store
        def f():
            from dspy.shop.store import Shelf as Local
            probe(shop.made)
            probe(renamed)
            probe(make())
            probe(store.made)
            probe(Local.top)
            probe(shop.Shelf().top)
        """
    assert held(code, files) == {"BaseLM()"}


# -- rules -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("def f(lm):\n    probe(lm)\n", {"BaseLM()"}),
        ("def f(x):\n    helper_lm = x\n    probe(helper_lm)\n", {"BaseLM()"}),
        ("def f(lm: str):\n    probe(lm)\n", {"object()"}),
        ("def f(lm: Ask):\n    probe(lm)\n", {"Ask()"}),
        ("def f(lm=None):\n    probe(lm)\n", {"BaseLM()"}),
        ("def g(lm):\n    probe(lm)\ndef f():\n    g(Ask())\n", {"Ask()"}),
        ("class C:\n    def m(self):\n        probe(self.lm)\n", {"BaseLM()"}),
        ("def f(metric):\n    probe(metric)\n", {"supplied metric"}),
        ("def f(metric: BaseLM):\n    probe(metric)\n", {"BaseLM()"}),
        ("from typing import Callable\ndef f(metric: Callable):\n    probe(metric)\n", {"callable", "supplied metric"}),
        ("def f(factory):\n    probe(factory)\n", {"plain factory"}),
        (
            "class C:\n    def __init__(self, metric):\n        self.metric = metric\n        probe(self.metric)\n",
            {"supplied metric"},
        ),
        ("def f(x):\n    probe(x)\n", set()),
    ],
)
def test_names_that_rules_know(code: str, found: set[str]) -> None:
    assert held(code) == found


def test_an_imported_name_is_what_is_imported() -> None:
    """Also where a rule says what variables of that name stand for."""
    code = "def f():\n    from dspy.tools import factory\n    probe(factory)\n"
    assert held(code, {"dspy/tools.py": "def factory(): ...\n"}) == {"def factory"}


# -- order -------------------------------------------------------------------------------------------------------------


def test_the_order_of_files_does_not_matter() -> None:
    files = {
        **TOY,
        **{
            f"dspy/m{n}.py": f"from dspy.m{n + 1} import make{n + 1}\ndef make{n}(): return make{n + 1}()\n"
            for n in range(6)
        },
        "dspy/m6.py": "from dspy import BaseLM\ndef make6(): return BaseLM()\n",
        SAMPLE: dedent("from dspy.m0 import make0\ndef f():\n    probe(make0())\n"),
    }
    names = list(files)
    points = []
    for seed in range(3):
        random.Random(seed).shuffle(names)
        flow = Flow(build_program({name: files[name] for name in names}), toy_rules())
        flow.solve()
        points.append(flow.points_to)
    assert points[0] == points[1] == points[2]
    assert points[0]["R", "dspy.m0:make0"] == {Instance("dspy.clients.base_lm:BaseLM")}
