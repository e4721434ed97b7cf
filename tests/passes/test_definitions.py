"""`def` becomes `async def`; a context manager that waits becomes an asynchronous one."""

from __future__ import annotations

import pytest

from tests.support.conversion import SAMPLE, assert_converted, assert_untouched, convert_toy, toy_files


def test_functions_methods_and_nested_functions() -> None:
    assert_converted(
        """
        def _ask(lm: BaseLM):
            def inner(x):
                return lm(x)

            return inner("a")


        class Person:
            # a comment above
            def _ask(self, lm: BaseLM) -> str:  # a comment beside
                return lm("a")

            @classmethod
            def _ask_class(cls, lm: BaseLM):
                return lm("b")

            @staticmethod
            def _ask_static(lm: BaseLM):
                return lm("c")
        """,
        """
        async def _ask(settings: Settings, lm: BaseLM):
            async def inner(settings: Settings, x):
                return await lm(settings, x)

            return await inner(settings, "a")


        class Person:
            # a comment above
            async def _ask(self, settings: Settings, lm: BaseLM) -> str:  # a comment beside
                return await lm(settings, "a")

            @classmethod
            async def _ask_class(cls, settings: Settings, lm: BaseLM):
                return await lm(settings, "b")

            @staticmethod
            async def _ask_static(settings: Settings, lm: BaseLM):
                return await lm(settings, "c")
        """,
    )


def test_what_only_reads_settings_stays_a_plain_function() -> None:
    assert_converted(
        """
        def _trace():
            return settings.trace


        class Person:
            def _trace(self):
                return _trace()
        """,
        """
        def _trace(settings: Settings):
            return settings.trace


        class Person:
            def _trace(self, settings: Settings):
                return _trace(settings)
        """,
    )


def test_a_protocol_makes_its_methods_coroutines_whatever_they_do() -> None:
    assert_converted(
        """
        class Echo(Module):
            def forward(self, question):
                return question

            def helper(self, question):
                return question
        """,
        """
        class Echo(Module):
            @takes_settings
            async def forward(self, settings: Settings, question):
                return question

            def helper(self, question):
                return question
        """,
    )


def test_a_decorator_of_a_protocol() -> None:
    assert_converted(
        """
        class Oven:
            @with_callbacks
            def bake(self, dough, **kwargs):
                return dough


        def _bake(oven: Oven):
            return oven.bake(1)
        """,
        """
        class Oven:
            @with_callbacks
            async def bake(self, settings: Settings, /, dough, **kwargs):
                return dough


        async def _bake(settings: Settings, oven: Oven):
            return await oven.bake(settings, 1)
        """,
    )


def test_one_line_bodies_and_recursion() -> None:
    assert_converted(
        """
        def _down(n): return _down(n - 1) or settings.lm(n)
        def _ping(n): return _pong(n)
        def _pong(n): _ping(n); return _down(n)
        """,
        """
        async def _down(settings: Settings, n): return await _down(settings, n - 1) or await settings.lm(settings, n)
        async def _ping(settings: Settings, n): return await _pong(settings, n)
        async def _pong(settings: Settings, n): await _ping(settings, n); return await _down(settings, n)
        """,
    )


def test_a_generator_becomes_an_asynchronous_one() -> None:
    assert_converted(
        """
        def _parts(lm: BaseLM, xs):
            for x in xs:
                yield lm(x)
                seen = yield lm(x).text
                print(seen)
        """,
        """
        async def _parts(settings: Settings, lm: BaseLM, xs):
            for x in xs:
                yield await lm(settings, x)
                seen = yield (await lm(settings, x)).text
                print(seen)
        """,
    )


def test_a_generator_that_yields_from_one_that_waits() -> None:
    """An asynchronous generator has no `yield from`."""
    assert_converted(
        """
        def _parts(lm: BaseLM):
            yield lm("a")


        def _all(lm: BaseLM, item):
            # first
            yield from _parts(lm)  # and then
            if item: yield from lm("b"); yield from item


        def _user(lm: BaseLM):
            return [x for x in _all(lm, 1)]
        """,
        """
        async def _parts(settings: Settings, lm: BaseLM):
            yield await lm(settings, "a")


        async def _all(settings: Settings, lm: BaseLM, item):
            # first
            async for call_item in _parts(settings, lm):  # and then
                yield call_item
            if item:
                for call_item in await lm(settings, "b"):
                    yield call_item
                for call_item in item:
                    yield call_item


        async def _user(settings: Settings, lm: BaseLM):
            return [x async for x in _all(settings, lm, 1)]
        """,
    )


def test_what_a_generator_gets_back_from_another_cannot_be_had() -> None:
    assert_converted(
        """
        def _parts(lm: BaseLM):
            sent = yield lm("a")
            print(sent)


        def _all(lm: BaseLM):
            yield from _parts(lm)


        def _result(lm: BaseLM):
            return (yield from _parts(lm))
        """,
        """
        async def _parts(settings: Settings, lm: BaseLM):
            sent = yield await lm(settings, "a")
            print(sent)


        async def _all(settings: Settings, lm: BaseLM):
            async for item in _parts(settings, lm):
                yield item


        def _result(settings: Settings, lm: BaseLM):
            return (yield from _parts(settings, lm))
        """,
        findings=["7: generator: what is sent", "11: wall-coroutine: dspy.sample:_result cannot be a coroutine"],
        again=False,
    )


def test_a_plain_generator_that_yields_from_another() -> None:
    assert_converted(
        """
        def _all():
            yield from settings.parts
        """,
        """
        def _all(settings: Settings):
            yield from settings.parts
        """,
    )


def test_a_generator_that_returns_a_value() -> None:
    """An asynchronous generator that does is a SyntaxError."""
    assert_converted(
        """
        def _parts(lm: BaseLM):
            yield lm("a")
            return 1
        """,
        """
        def _parts(settings: Settings, lm: BaseLM):
            yield lm(settings, "a")
            return 1
        """,
        findings=[
            "2: wall-coroutine: dspy.sample:_parts cannot be a coroutine",
            "2: wall-coroutine: lm(...) is a coroutine, and cannot be awaited here",
        ],
        again=False,
    )


def test_context_managers() -> None:
    assert_converted(
        """
        from contextlib import contextmanager


        @contextmanager
        def _session(lm: BaseLM):
            opened = lm("open")
            try:
                yield opened
            finally:
                lm("close")


        def _work(lm: BaseLM):
            with _session(lm):
                lm("a")
            with _session(lm) as one, _session(lm) as two:
                return one, two
        """,
        """
        from contextlib import asynccontextmanager


        @asynccontextmanager
        async def _session(settings: Settings, lm: BaseLM):
            opened = await lm(settings, "open")
            try:
                yield opened
            finally:
                await lm(settings, "close")


        async def _work(settings: Settings, lm: BaseLM):
            async with _session(settings, lm):
                await lm(settings, "a")
            async with _session(settings, lm) as one, _session(settings, lm) as two:
                return one, two
        """,
        header=True,
    )


@pytest.mark.parametrize(
    ("imports", "annotation", "imports_after", "after"),
    [
        ("from typing import Iterator", "Iterator[int]", "from typing import AsyncIterator", "AsyncIterator[int]"),
        (
            "from collections.abc import Generator",
            "Generator[dict[str, int], None, None]",
            "from collections.abc import AsyncGenerator",
            "AsyncGenerator[dict[str, int], None]",
        ),
        ("import typing", "typing.Iterable[int]", "import typing", "typing.AsyncIterable[int]"),
        ("from shop import Iterator", "Iterator[int]", "from shop import Iterator", "Iterator[int]"),
        ("import typing", "typing.Any", "import typing", "typing.Any"),
    ],
)
@pytest.mark.parametrize(("decorator", "decorator_after"), [("", ""), ("@contextmanager\n", "@asynccontextmanager\n")])
def test_what_an_asynchronous_generator_is_said_to_return(
    imports: str, annotation: str, imports_after: str, after: str, decorator: str, decorator_after: str
) -> None:
    before = "from contextlib import contextmanager\n\nX = contextmanager\n"
    code = f"{imports}\n\n\n{decorator}def _parts(lm: BaseLM) -> {annotation}:\n    yield lm('a')\n"
    found = convert_toy(toy_files(before + code)).files[SAMPLE]
    assert f"{decorator_after}async def _parts(settings: Settings, lm: BaseLM) -> {after}:\n" in found
    assert imports_after in found.splitlines()
    assert imports in found.splitlines() or imports != imports_after


def test_a_context_manager_by_its_dotted_name_beside_one_that_stays() -> None:
    assert_converted(
        """
        import contextlib


        class Shop:
            @contextlib.contextmanager
            def _open(self):
                yield settings.lm("open")

            @contextlib.contextmanager
            def _closed(self):
                yield 1

            def _work(self):
                with self._closed():
                    with self._open() as x:
                        return x
        """,
        """
        import contextlib
        from contextlib import asynccontextmanager


        class Shop:
            @asynccontextmanager
            async def _open(self, settings: Settings):
                yield await settings.lm(settings, "open")

            @contextlib.contextmanager
            def _closed(self):
                yield 1

            async def _work(self, settings: Settings):
                with self._closed():
                    async with self._open(settings) as x:
                        return x
        """,
    )


def test_a_with_statement_of_both_kinds_is_split() -> None:
    assert_converted(
        """
        from contextlib import contextmanager


        @contextmanager
        def _session(lm: BaseLM):
            yield lm("open")


        def _work(lm: BaseLM, path):
            with _session(lm) as x, open(path) as f:
                return f.read(x)
        """,
        """
        from contextlib import asynccontextmanager


        @asynccontextmanager
        async def _session(settings: Settings, lm: BaseLM):
            yield await lm(settings, "open")


        async def _work(settings: Settings, lm: BaseLM, path):
            async with _session(settings, lm) as x:
                with open(path) as f:
                    return f.read(x)
        """,
    )


def test_a_context_manager_that_was_made_before() -> None:
    assert_converted(
        """
        from contextlib import contextmanager


        @contextmanager
        def _session(lm: BaseLM):
            yield lm("open")


        def _work(lm: BaseLM):
            session = _session(lm)
            with session as x:
                return x
        """,
        """
        from contextlib import asynccontextmanager


        @asynccontextmanager
        async def _session(settings: Settings, lm: BaseLM):
            yield await lm(settings, "open")


        async def _work(settings: Settings, lm: BaseLM):
            session = _session(settings, lm)
            async with session as x:
                return x
        """,
    )


def test_walls_that_cannot_wait() -> None:
    """A constructor, a property, dunder methods: they stay as they are, and a person is told why."""
    code = """
        class Shop:
            def __init__(self, lm: BaseLM):
                self.first = lm("a")

            @property
            def name(self):
                return settings.lm("b")

            def __len__(self):
                return settings.lm("c")

            def __enter__(self):
                settings.lm("d")
                return self

            def __init_subclass__(cls):
                settings.lm("e")
        """
    walls = []
    for line, reads in ((3, False), (7, True), (10, True), (13, True), (17, True)):
        walls += [
            f"{line}: wall-coroutine: cannot be a coroutine: dspy.sample:Shop.",
            f"{line}: wall-coroutine: is a coroutine, and cannot be awaited here",
            f"{line}: wall-settings: cannot take settings: dspy.sample:Shop.",
            f"{line}: global-settings: calls ",
        ]
        if reads:
            walls += [
                f"{line}: wall-settings: cannot take settings: reads settings",
                f"{line}: global-settings: reads ",
            ]
    assert_untouched(code, findings=walls)


def test_what_the_language_calls_cannot_take_settings() -> None:
    assert_converted(
        """
        class Shop:
            async def __aexit__(self, *exc_info):
                settings.lm("b")
        """,
        """
        class Shop:
            async def __aexit__(self, *exc_info):
                await settings.lm("b")
        """,
        findings=[
            "3: wall-settings: cannot take settings: dspy.sample:Shop.__aexit__ calls",
            "3: wall-settings: cannot take settings: reads settings",
            "3: global-settings: calls",
            "3: global-settings: reads",
        ],
        again=False,
    )


def test_a_cached_function_cannot_wait() -> None:
    assert_converted(
        """
        import functools


        @functools.lru_cache
        def _ask(x):
            return settings.lm(x)
        """,
        """
        import functools


        @functools.lru_cache
        async def _ask(settings: Settings, x):
            return await settings.lm(settings, x)
        """,
        findings=["5: wall-coroutine"],
    )


def test_overloads() -> None:
    assert_converted(
        """
        from typing import overload


        @overload
        def _ask(x: int) -> int: ...
        @overload
        def _ask(x: str) -> str: ...
        def _ask(x):
            return settings.lm(x)


        def _user():
            return _ask(1)
        """,
        """
        from typing import overload


        @overload
        async def _ask(settings: Settings, x: int) -> int: ...
        @overload
        async def _ask(settings: Settings, x: str) -> str: ...
        async def _ask(settings: Settings, x):
            return await settings.lm(settings, x)


        async def _user(settings: Settings):
            return await _ask(settings, 1)
        """,
    )


def test_definitions_in_branches() -> None:
    assert_converted(
        """
        try:
            import numpy

            def _ask(x):
                return settings.lm(numpy.array(x))
        except ImportError:
            def _ask(x):
                return x


        def _user():
            return _ask(1)
        """,
        """
        try:
            import numpy

            async def _ask(settings: Settings, x):
                return await settings.lm(settings, numpy.array(x))
        except ImportError:
            async def _ask(settings: Settings, x):
                return x


        async def _user(settings: Settings):
            return await _ask(settings, 1)
        """,
    )
