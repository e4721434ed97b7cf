"""The engine as a whole: the same output whatever the order and the processes, valid, stable; what is left alone."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codemods.convert import convert, explanations
from codemods.errors import ToolError
from codemods.pin import load_pin
from codemods.project import cache_directory, find_project
from codemods.rules import load_rules
from codemods.source import load_source
from codemods.stages import Conversion, FileCounts
from codemods.sync import SyncOptions, engine_stages, python_texts
from tests.support.conversion import (
    FINAL,
    RULES,
    SAMPLE,
    TOY,
    assert_converted,
    assert_untouched,
    convert_toy,
    is_valid,
    toy_files,
    toy_rules,
)

SHOP = {
    "dspy/shop/__init__.py": "from dspy.shop.counter import *\nfrom .store import Store as Store, stock\n",
    "dspy/shop/counter.py": """\
import dspy
from dspy.shop.store import Store

__all__ = ["Counter"]


class Counter(dspy.Module):
    def __init__(self, metric=None):
        self.metric = metric
        self.store = Store()

    def forward(self, what):
        \"\"\"Sells.

        >>> import dspy
        >>> dspy.Ask()(q=1)
        \"\"\"
        with dspy.context(trace=[]):
            parts = [self.store.find(x) for x in what]
        return sum(self.metric(part) for part in parts)
""",
    "dspy/shop/store.py": """\
import time

from dspy.dsp.utils.settings import settings


class Base:
    def find(self, what):
        return what


class Store(Base):
    def find(self, what):
        time.sleep(1)
        return settings.lm(what)


def stock(store: "Store", xs):
    return [store.find(x) for x in xs]
""",
    "dspy/shop/user.py": """\
from dspy import shop


def _work(xs):
    return shop.stock(shop.Store(), xs), shop.Counter()(xs)
""",
}


# -- order, processes, stability ---------------------------------------------------------------------------------------


def same(first: Conversion, second: Conversion) -> bool:
    """Whether two runs gave the same but for the time they took."""
    return (first.files, first.counts, first.unresolved, first.findings, first.rules, first.twins) == (
        (second.files, second.counts, second.unresolved, second.findings, second.rules, second.twins)
    )


def test_several_modules() -> None:
    found = convert_toy({**TOY, **SHOP})
    assert (found.unresolved, found.findings) == ((), ())
    assert found.files["dspy/shop/user.py"] == (
        "from dspy import shop\nfrom dspy.dsp.utils.settings import Settings\n\n\n"
        "async def _work(settings: Settings, xs):\n"
        "    return await shop.stock(settings, shop.Store(), xs), await shop.Counter()(settings, xs)\n"
    )
    assert (
        found.files["dspy/shop/store.py"]
        == """\
import asyncio

from dspy.dsp.utils.settings import Settings
from dspy.utils.supplied import takes_settings


class Base:
    @takes_settings
    async def find(self, settings: Settings, what):
        return what


class Store(Base):
    @takes_settings
    async def find(self, settings: Settings, what):
        await asyncio.sleep(1)
        return await settings.lm(settings, what)


@takes_settings
async def stock(settings: Settings, store: "Store", xs):
    return [await store.find(settings, x) for x in xs]
"""
    )
    assert found.files["dspy/shop/__init__.py"] == SHOP["dspy/shop/__init__.py"]


@given(st.permutations(sorted({**TOY, **SHOP})))
@settings(max_examples=8, deadline=None)
def test_any_order_of_files_gives_the_same(order: list[str]) -> None:
    files = {**TOY, **SHOP}
    assert same(convert_toy({path: files[path] for path in order}), convert_toy(files))


def test_two_processes_give_the_same() -> None:
    files = {**TOY, **SHOP}
    assert same(convert_toy(files, jobs=2), convert_toy(files, jobs=1))


def test_what_fails_in_a_process_fails_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: object, **options: object) -> str:
        raise ToolError("dspy/shop/user.py: cannot", remedy="none")

    monkeypatch.setattr("codemods.passes.files.run_passes", fails)
    with pytest.raises((ToolError, BrokenProcessPool), match="cannot"):
        convert_toy({**TOY, **SHOP}, jobs=2)


_EXPRESSIONS: st.SearchStrategy[str] = st.deferred(
    lambda: st.one_of(
        st.sampled_from(
            ["x", "1", "'é'", "lm('a')", "settings.trace", "self_.lm(x)", "metric(x)", "helper(x)", "xs[0]"]
        ),
        st.builds("{}.text".format, _CALLS),
        st.builds("({} + {})".format, _EXPRESSIONS, _EXPRESSIONS),
        st.builds("(not {})".format, _EXPRESSIONS),
        st.builds("[{} for x in xs]".format, _EXPRESSIONS),
        st.builds("sum({} for x in xs)".format, _EXPRESSIONS),
        st.builds("({} if {} else {})".format, _EXPRESSIONS, _EXPRESSIONS, _EXPRESSIONS),
        st.builds('f"{{{}}}"'.format, _EXPRESSIONS.filter(lambda text: '"' not in text)),
        st.builds("print({}, end={})".format, _EXPRESSIONS, _EXPRESSIONS),
        st.builds("{{'k': {}}}['k'][{}]".format, _EXPRESSIONS, _EXPRESSIONS),
        _CALLS,
    )
)
_CALLS: st.SearchStrategy[str] = st.one_of(
    st.builds("{}({})".format, st.sampled_from(["lm", "helper", "program", "metric", "settings.lm"]), _EXPRESSIONS),
    st.builds("lm(\n        {},  # é\n        deep={},\n    )".format, _EXPRESSIONS, _EXPRESSIONS),
)


def _block(lines: list[str]) -> str:
    return "\n".join(f"    {line}" for text in lines for line in text.split("\n"))


_STATEMENTS: st.SearchStrategy[str] = st.deferred(
    lambda: st.one_of(
        st.builds("y = {}".format, _EXPRESSIONS),
        st.builds("{}".format, _EXPRESSIONS),
        st.builds("y, x = {}, {}  # ü".format, _EXPRESSIONS, _EXPRESSIONS),
        st.builds("with dspy.context(a={}):\n{}".format, _EXPRESSIONS, _BLOCKS),
        st.builds("for x in {}:\n{}".format, _EXPRESSIONS, _BLOCKS),
        st.builds("if {}:\n{}\nelse:\n{}".format, _EXPRESSIONS, _BLOCKS, _BLOCKS),
        st.builds("try:\n{}\nfinally:\n{}".format, _BLOCKS, _BLOCKS),
        st.builds("def nested(x, *xs, y=1):\n{}\nnested({})".format, _BLOCKS, _EXPRESSIONS),
        st.builds("later = lambda x: {}\nlater({})".format, _EXPRESSIONS, _EXPRESSIONS),
        st.builds("assert {}, {}".format, _EXPRESSIONS, _EXPRESSIONS),
    )
)
_BLOCKS = st.lists(_STATEMENTS, min_size=1, max_size=3).map(_block)
_PARAMETERS = st.sampled_from(
    ["x, xs, lm: BaseLM, metric, program", "metric, lm, x, /, xs, *, program", "x, *xs, **lm"]
)
_PROGRAMS = st.builds(
    "def helper(x):\n{}\n\n\ndef _work({}):\n{}\n\n\nclass Shop(Module):\n    def forward(self, x, **xs):\n{}\n".format,
    st.one_of(_BLOCKS, st.just("    return x")),
    _PARAMETERS,
    _BLOCKS,
    _BLOCKS.map(lambda text: _block(text.split("\n"))),
)
_SLOW = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


@given(_PROGRAMS)
@_SLOW
def test_valid_code_becomes_valid_code(code: str) -> None:
    files = toy_files(code)
    if is_valid(files[SAMPLE]):
        assert is_valid(convert_toy(files).files[SAMPLE])


@given(_PROGRAMS)
@_SLOW
def test_a_second_conversion_changes_nothing(code: str) -> None:
    files = toy_files(code)
    if is_valid(files[SAMPLE]):
        once = convert_toy(files)
        if not once.findings:
            assert convert_toy(once.files).files[SAMPLE] == once.files[SAMPLE]


_PLAIN = st.lists(
    st.sampled_from(
        [
            "import os,sys\n",
            "x=1 ;y = 2\n",
            "def f( a,b ):\n\treturn a+b   # a comment\n",
            "class C (  object ):\n  x : int=1\n  def m(self): return [i for i in self.x]\n",
            "@property\ndef g(): yield 1\n",
            "async def h():\n    async with a as b, c: await b\n    return [x async for x in y]\n",
            "z = '''a\n  b'''; w = f'{x!r:>{y}}'\n",
            "é = 'ü' # ß\n",
            "with open(x) as f: pass\n",
            "lambda: (yield)\n",
            "\n\n\n",
            "\x0c\n",
            "if x:\n    pass\nelif y : pass\n",
            "match x:\n    case {'a': 1, **b} if b: pass\n",
            "x = yield_ if await_ else None\n",
            "time = (a\n  .b()\n  .c) # d\n",
        ]
    ),
    max_size=6,
).map("".join)


@given(_PLAIN, st.sampled_from(["\n", "\r\n"]), st.booleans())
@settings(max_examples=40, deadline=None)
def test_code_that_touches_no_protocol_stays_byte_for_byte(code: str, newline: str, last: bool) -> None:
    text = code.replace("\n", newline)
    text = text if last else text.rstrip()
    files = {**TOY, "dspy/plain.py": text}
    assert convert_toy(files).files == files


# -- what is left alone ------------------------------------------------------------------------------------------------


def test_final_modules_classes_and_functions() -> None:
    assert_untouched(
        """
        class Shop(Module):
            def forward(self, x):
                return settings.lm(x)


        def work(lm):
            with dspy.context(a=1):
                return lm("a")
        """,
        final=["dspy.sample:Shop", "dspy.sample:work"],
    )
    assert_untouched("def work(lm):\n    return lm('a')\n", final=[SAMPLE])


def test_final_code_is_known_to_the_rest() -> None:
    assert_converted(
        """
        class Shop:
            async def sell(self, settings: Settings, x):
                return x

            def _give(self, x):
                return self.sell(x)

            def size(self):
                return settings.size
        """,
        """
        class Shop:
            async def sell(self, settings: Settings, x):
                return x

            async def _give(self, settings: Settings, x):
                return await self.sell(settings, x)

            def size(self):
                return settings.size
        """,
        final=["dspy.sample:Shop.sell", "dspy.sample:Shop.size"],
    )


def test_modules_that_are_held_as_text() -> None:
    shim = "from dspy import BaseLM\n\n\ndef run(lm: BaseLM):\n    return lm('a')\n"
    files = {
        **TOY,
        "dspy/run/_shim.py": shim,
        "dspy/run/_other.py": "def run(lm):\n    return lm('a')\n",
        "dspy/run/__init__.py": "from pathlib import Path\n\nSHIM = (Path(__file__).parent / '_shim.py').read_text()\n",
    }
    found = convert_toy(files)
    assert found.files["dspy/run/_shim.py"] == shim
    assert "async def run" in found.files["dspy/run/_other.py"]


def test_other_files_are_not_touched() -> None:
    files = {**TOY, "dspy/py.typed": "", "dspy/a.js": "def f(lm):\n    return lm('a')\n", "README.md": "# A\n"}
    assert convert_toy(files).files == files


# -- text that is unusual ----------------------------------------------------------------------------------------------


def test_tabs() -> None:
    assert_converted(
        "def _f(lm: BaseLM, x):\n\tif x:\n\t\task = lambda: lm('ä')['ö']\n\t\treturn ask()\n",
        "async def _f(settings: Settings, lm: BaseLM, x):\n\tif x:\n\n\t\tasync def call_ask(settings: Settings):\n"
        "\t\t\treturn (await lm(settings, 'ä'))['ö']\n\n\t\task = call_ask\n\t\treturn await ask(settings)\n",
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "def _f(lm):\r\n    return lm(\r\n        'ä'\r\n    )\r\n",
            "from dspy.dsp.utils.settings import Settings\r\nasync def _f(settings: Settings, lm):\r\n"
            "    return await lm(\r\n        settings,\r\n        'ä'\r\n    )\r\n",
        ),
        (
            "def _f(lm):\n    return lm('a')",
            "from dspy.dsp.utils.settings import Settings\nasync def _f(settings: Settings, lm):\n"
            "    return await lm(settings, 'a')",
        ),
        (
            "# -*- coding: utf-8 -*-\ndef _f(lm):\n    return 'a\u2028b\x85c', lm('é'), lm('ü')\n",
            "# -*- coding: utf-8 -*-\nfrom dspy.dsp.utils.settings import Settings\n"
            "async def _f(settings: Settings, lm):\n"
            "    return 'a\u2028b\x85c', await lm(settings, 'é'), await lm(settings, 'ü')\n",
        ),
        (
            "\x0c\ndef _f(lm):\n    return lm('a\x0cb')\n",
            "\x0c\nfrom dspy.dsp.utils.settings import Settings\nasync def _f(settings: Settings, lm):\n"
            "    return await lm(settings, 'a\x0cb')\n",
        ),
    ],
)
def test_line_ends_and_odd_characters(before: str, after: str) -> None:
    assert convert_toy({**TOY, SAMPLE: before}).files[SAMPLE] == after


def test_a_byte_order_mark() -> None:
    assert convert_toy({**TOY, SAMPLE: "\ufeffx = 1\n"}).files[SAMPLE] == "\ufeffx = 1\n"


def test_carriage_returns_alone() -> None:
    found = convert_toy({**TOY, SAMPLE: "def _f(lm):\r    return lm('é')\r"})
    assert "return await lm(settings, 'é')" in found.files[SAMPLE]


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(
    ("text", "line"), [("x = 1\ndef (:\n", 2), ("x = (\n", 1), ("def f():\nreturn 1\n", 2), ("print 'a'\n", 1)]
)
def test_invalid_python(text: str, line: int, jobs: int) -> None:
    with pytest.raises(ToolError) as caught:
        convert_toy({**TOY, "dspy/broken.py": text}, jobs=jobs)
    assert str(caught.value).startswith(f"dspy/broken.py:{line}: not valid Python: ")
    assert caught.value.exit_code == 1


def test_a_null_byte() -> None:
    with pytest.raises(ToolError) as caught:
        convert_toy({**TOY, "dspy/broken.py": "x = 1\n\0\n"})
    assert "None" not in str(caught.value)


def test_a_file_of_another_kind_need_not_be_python() -> None:
    files = {**TOY, "dspy/broken.txt": "def (:\n"}
    assert convert_toy(files).files == files


# -- what is told ------------------------------------------------------------------------------------------------------


def test_counts_seconds_and_twins() -> None:
    code = """
        def plain(x):
            return x


        class Shop:
            def sell(self, x):
                return settings.lm(x)

            async def asell(self, x):
                return await settings.lm(x)

            def read(self):
                return settings.trace
        """
    found = convert_toy(toy_files(code))
    assert found.counts[SAMPLE] == FileCounts(functions=3, coroutines=1, settings=2, awaits=1)
    assert set(found.counts) == {path for path in found.files if path.endswith(".py")}
    assert set(found.seconds) == {"twins", "program", "coloring", "passes"}
    assert [(t.path, t.scope, t.name, t.async_name, t.verdict) for t in found.twins] == [
        (SAMPLE, "Shop.", "sell", "asell", "equal")
    ]


def test_what_is_explained_is_what_is_converted() -> None:
    files = {
        **TOY,
        "dspy/_vendor/other/__init__.py": "class Other:\n    def ask(self, lm): return lm('a')\n",
        "dspy/user.py": "from dspy._vendor.other import Other\ndef f(x: Other, lm): return x.ask(lm)\n",
    }
    rules = load_rules(RULES + '[[vendored]]\ndirectories = ["_vendor"]\nreason = "it is another package"\n')
    found = explanations(files, rules)
    assert found.of("dspy.user:f") == [
        "dspy.user:f stays a plain function: it reaches no coroutine and reads no settings"
    ]
    with pytest.raises(ToolError, match="no function"):
        found.of("dspy._vendor.other:Other.ask")


def test_explanations() -> None:
    files = {**TOY, **SHOP}
    lines = explanations(files, toy_rules()).of("dspy.shop.user:_work")
    assert lines[0] == "dspy.shop.user:_work: coroutine"
    assert lines[1].startswith("  dspy/shop/user.py:5: dspy.shop.user:_work calls dspy.")
    assert any(line == "dspy.shop.user:_work: settings" for line in lines)
    assert explanations(files, toy_rules()).of("dspy.clients.base_lm:BaseLM.cost") == [
        "dspy.clients.base_lm:BaseLM.cost stays a plain function: it reaches no coroutine and reads no settings"
    ]


def test_explanations_of_twins() -> None:
    code = "class Shop:\n    def sell(self):\n        return 1\n    async def asell(self):\n        return 1\n"
    assert explanations({"dspy/a.py": code}, toy_rules()).of("dspy.a:Shop.sell")[-1] == (
        "dspy.a:Shop.sell: merged with its twin asell (equal)"
    )


def test_explaining_what_is_not_there() -> None:
    with pytest.raises(ToolError, match=r"dspy\.shop:stock is no function of this release") as caught:
        explanations({**TOY, **SHOP}, toy_rules()).of("dspy.shop:stock")
    assert "dspy.shop.store:stock" in caught.value.remedy


# -- the pinned release ------------------------------------------------------------------------------------------------


def _pinned() -> Callable[[int, int], Conversion]:
    """Converts the pinned release, its files in an order of their own; skips without it."""
    project = find_project(Path(__file__).parent)
    try:
        tree = load_source(load_pin(project.pin), "auto", submodule=project.upstream, cache=cache_directory())
    except ToolError as error:
        pytest.skip(f"the pinned release is not at hand: {error.problem}")
    options = SyncOptions(project=project, cache=cache_directory(), jobs=1)
    patched = engine_stages().patch(python_texts(tree), tree.version, options)

    def shuffled(seed: int) -> Mapping[str, str]:
        names = sorted(patched.files)
        random.Random(seed).shuffle(names)
        return {name: patched.files[name] for name in names}

    return lambda seed, jobs: convert(
        shuffled(seed), version=tree.version, rules=load_rules(), jobs=jobs, final=patched.final
    )


@pytest.mark.slow
def test_the_pinned_release_in_any_order() -> None:
    run = _pinned()
    first, second = run(1, 1), run(2, 2)
    assert same(first, second)
    assert [path for path, text in first.files.items() if path.endswith(".py") and not is_valid(text)] == []
    assert set(FINAL) & set(first.files)
