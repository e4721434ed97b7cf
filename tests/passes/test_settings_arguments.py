"""Calls hand on the settings in scope, laid out as the call is; reads of the process's object become reads of them."""

from __future__ import annotations

import pytest

from tests.support.conversion import assert_converted, assert_untouched, convert_toy, toy_files


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("lm()", "lm(settings)"),
        ("lm('a')", "lm(settings, 'a')"),
        ("lm( 'a' )", "lm( settings, 'a' )"),
        ("lm('a',)", "lm(settings, 'a',)"),
        ("lm(prompt='a')", "lm(settings, prompt='a')"),
        ("lm(*xs, **options)", "lm(settings, *xs, **options)"),
        ("lm(x for x in xs)", "lm(settings, (x for x in xs))"),
        ("lm((x for x in xs))", "lm(settings, (x for x in xs))"),
        ("lm([x for x in xs])", "lm(settings, [x for x in xs])"),
        ("lm(lambda: 1)", "lm(settings, lambda: 1)"),
        ("lm(x := 1)", "lm(settings, x := 1)"),
        ("lm('a', settings='dark')", "lm(settings, 'a', settings='dark')"),
    ],
)
def test_the_first_argument(before: str, after: str) -> None:
    assert_converted(
        f"def _f(lm: BaseLM, xs, options):\n    return {before}\n",
        f"async def _f(settings: Settings, lm: BaseLM, xs, options):\n    return await {after}\n",
    )


def test_calls_over_several_lines() -> None:
    assert_converted(
        """
        def _f(lm: BaseLM, xs):
            a = lm(
                "a",
                temperature=0.1,  # low
            )
            b = lm(  # why
                "b",
                "c"
            )
            c = lm(
                # ahead
                "d", deep=True)
            d = lm("e",
                   "f")
            e = lm(
                x for x in xs
            )
            f = lm \\
                ("g")
            return a, b, c, d, e, f
        """,
        """
        async def _f(settings: Settings, lm: BaseLM, xs):
            a = await lm(
                settings,
                "a",
                temperature=0.1,  # low
            )
            b = await lm(  # why
                settings,
                "b",
                "c"
            )
            c = await lm(
                # ahead
                settings,
                "d", deep=True)
            d = await lm(settings, "e",
                   "f")
            e = await lm(
                settings,
                (x for x in xs)
            )
            f = await lm \\
                (settings, "g")
            return a, b, c, d, e, f
        """,
    )


def test_an_empty_call_over_two_lines() -> None:
    assert_converted(
        """
        def _f(lm: BaseLM):
            return lm(
            )
        """,
        """
        async def _f(settings: Settings, lm: BaseLM):
            return await lm(
                settings
            )
        """,
    )


def test_methods_through_objects_classes_and_super() -> None:
    assert_converted(
        """
        class Base:
            def _m(self, x): return settings.lm(x)
            @classmethod
            def _c(cls, x): return settings.lm(x)
            @staticmethod
            def _s(x): return settings.lm(x)


        class Sub(Base):
            def _m(self, x):
                return super()._m(x)

            def _work(self, other: Base):
                self._m(1), other._m(2)
                Base._m(other, 3), type(other)._m(other, 4)
                self._c(1), Base._c(2), type(self)._c(3)
                self.__class__._c(4)
                self._s(1), Base._s(2)
                bound = self._m
                return bound(5)
        """,
        """
        class Base:
            async def _m(self, settings: Settings, x): return await settings.lm(settings, x)
            @classmethod
            async def _c(cls, settings: Settings, x): return await settings.lm(settings, x)
            @staticmethod
            async def _s(settings: Settings, x): return await settings.lm(settings, x)


        class Sub(Base):
            async def _m(self, settings: Settings, x):
                return await super()._m(settings, x)

            async def _work(self, settings: Settings, other: Base):
                await self._m(settings, 1), await other._m(settings, 2)
                await Base._m(other, settings, 3), await type(other)._m(other, settings, 4)
                await self._c(settings, 1), await Base._c(settings, 2), await type(self)._c(settings, 3)
                await self.__class__._c(settings, 4)
                await self._s(settings, 1), await Base._s(settings, 2)
                bound = self._m
                return await bound(settings, 5)
        """,
        again=False,
    )


def test_a_method_called_through_its_class_is_left_alone_the_second_time() -> None:
    assert_untouched(
        """
        class Base:
            async def _m(self, settings: Settings, x):
                return x


        async def _work(settings: Settings, other: Base):
            return await Base._m(other, settings, 1)
        """
    )


def test_settings_that_are_handed_on_already() -> None:
    assert_untouched(
        """
        async def _f(settings: Settings, lm: BaseLM, other: Settings):
            a = await lm(settings, "a"), await lm(settings=settings), await lm(other, "b")
            with settings.context(lm=lm) as child:
                return await lm(child, "c"), a
        """
    )


def test_the_process_s_object_handed_over_by_hand() -> None:
    assert_converted(
        """
        async def _f(lm: BaseLM):
            return await lm(dspy.settings, "a")
        """,
        """
        async def _f(settings: Settings, lm: BaseLM):
            return await lm(settings, "a")
        """,
    )


@pytest.mark.parametrize(
    ("imported", "read"),
    [
        ("from dspy.dsp.utils.settings import settings", "settings"),
        ("from dspy.dsp.utils.settings import settings as conf", "conf"),
        ("from dspy.dsp.utils import settings as module", "module.settings"),
        ("from dspy import settings", "settings"),
        ("from dspy import settings as conf", "conf"),
        ("from . import settings", "settings"),
        ("from .dsp.utils.settings import settings", "settings"),
        ("from dspy.dsp.utils.settings import *", "settings"),
        ("import dspy", "dspy.settings"),
        ("import dspy as d", "d.settings"),
        ("import dspy.dsp.utils.settings", "dspy.dsp.utils.settings.settings"),
        ("import dspy.dsp.utils.settings as module", "module.settings"),
    ],
)
def test_reads_however_the_object_was_imported(imported: str, read: str) -> None:
    before = f"{imported}\n\n\ndef _f(x):\n    return {read}.trace, {read}['lm'], getattr({read}, x)\n"
    after = "def _f(settings: Settings, x):\n    return settings.trace, settings['lm'], getattr(settings, x)\n"
    line = "from dspy.dsp.utils.settings import Settings"
    if "*" in imported:
        line = f"{imported}\n{line}"
    assert_converted(before, f"{line}\n\n\n{after}", header=False)


def test_reads_in_nested_functions_and_aliases() -> None:
    assert_converted(
        """
        def _f(xs):
            conf = settings
            def plain(x):
                return settings.trace, x
            later = lambda: settings.trace
            return plain(conf.lm), later(), [settings.trace for _ in xs], (settings).trace
        """,
        """
        def _f(settings: Settings, xs):
            conf = settings
            def plain(x):
                return settings.trace, x
            later = lambda: settings.trace
            return plain(conf.lm), later(), [settings.trace for _ in xs], (settings).trace
        """,
    )


def test_an_import_of_the_object_inside_the_function_goes() -> None:
    assert_converted(
        """
        def _f(lm: BaseLM):
            from dspy.dsp.utils.settings import settings

            return lm(settings.trace)
        """,
        """
        async def _f(settings: Settings, lm: BaseLM):

            return await lm(settings, settings.trace)
        """,
    )


def test_an_import_under_another_name_inside_the_function_goes() -> None:
    assert_converted(
        """
        def _f(lm: BaseLM):
            from dspy import settings as conf
            return lm(conf.trace)
        """,
        """
        async def _f(settings: Settings, lm: BaseLM):
            return await lm(settings, settings.trace)
        """,
    )


def test_places_without_settings() -> None:
    """A module's own statements and a constructor: there is nothing to hand on."""
    assert_untouched(
        """
        ANSWER = settings.lm("a")


        class Person:
            name = BaseLM()("b")

            def __init__(self):
                self.trace = settings.trace
        """,
        findings=[
            "1: global-settings: calls settings.lm(...)",
            "1: wall-coroutine: cannot be awaited here",
            "5: global-settings: calls BaseLM()(...)",
            "5: wall-coroutine: cannot be awaited here",
            "8: global-settings: reads settings",
            "8: wall-settings: dspy.sample:Person.__init__ cannot take settings: reads settings",
        ],
    )


def test_a_function_that_makes_its_own_settings() -> None:
    assert_converted(
        """
        def _f():
            settings = dspy.Settings(lm=1)
            return Ask()(q=1), settings.trace
        """,
        """
        async def _f():
            settings = dspy.Settings(lm=1)
            return await Ask()(settings, q=1), settings.trace
        """,
    )


@pytest.mark.parametrize(
    "code",
    [
        "def _f(lm: BaseLM, settings: dict):\n    return lm(settings)",
        "def _f(lm: BaseLM, *, settings=None):\n    return lm('a')",
        "def _f(lm: BaseLM):\n    settings = {'a': 1}\n    return lm(settings)",
        "def _f(lm: BaseLM, xs):\n    return [lm(settings) for settings in xs]",
    ],
)
def test_a_name_settings_that_is_something_else_is_reported(code: str) -> None:
    """What comes out is for a person to decide; that it is not right must be said."""
    assert convert_toy(toy_files(code)).findings != ()


def test_settings_that_do_not_come_first_are_handed_by_name() -> None:
    assert_converted(
        """
        class Loud(BaseCallback):
            def on_start(self, call_id, inputs):
                print(call_id)


        def _f(handler: Loud):
            handler.on_start(call_id=1, inputs={})
            handler.on_start(1, inputs={})
            handler.on_start(2, {})
            handler.on_start(3, **{})
        """,
        """
        class Loud(BaseCallback):
            async def on_start(self, call_id, settings: Settings, inputs):
                print(call_id)


        async def _f(settings: Settings, handler: Loud):
            await handler.on_start(call_id=1, settings=settings, inputs={})
            await handler.on_start(1, settings, inputs={})
            await handler.on_start(2, settings, {})
            await handler.on_start(3, settings, **{})
        """,
    )


def test_a_partial_with_positional_arguments() -> None:
    assert_converted(
        """
        import functools


        def _ask(x, y):
            return settings.lm(x)


        def _f():
            later = functools.partial(_ask, 1)
            return later(2)
        """,
        """
        import functools


        async def _ask(settings: Settings, x, y):
            return await settings.lm(settings, x)


        async def _f(settings: Settings):
            later = functools.partial(_ask, settings, 1)
            return await later(2)
        """,
    )


def test_who_makes_a_partial_with_positional_arguments_takes_settings() -> None:
    assert_converted(
        """
        from functools import partial


        def _ask(lm: BaseLM, x):
            return lm(x)


        def _make(lm: BaseLM):
            return partial(_ask, lm), partial(lm, "a")
        """,
        """
        from functools import partial


        async def _ask(settings: Settings, lm: BaseLM, x):
            return await lm(settings, x)


        def _make(settings: Settings, lm: BaseLM):
            return partial(_ask, settings, lm), partial(lm, settings, "a")
        """,
    )


def test_a_partial_with_keyword_arguments() -> None:
    assert_converted(
        """
        import functools


        def _f(lm: BaseLM):
            later = functools.partial(lm, temperature=1)
            return later("a")
        """,
        """
        import functools


        async def _f(settings: Settings, lm: BaseLM):
            later = functools.partial(lm, temperature=1)
            return await later(settings, "a")
        """,
    )


def test_a_converted_caller_of_a_function_that_is_not_converted_yet() -> None:
    """As in a patch, which is written in the converted form: `question` holds a string, and no settings."""
    assert_converted(
        """
        def _ask(question):
            return settings.lm(question)


        async def _caller(settings: Settings):
            return await _ask(settings, "a")
        """,
        """
        async def _ask(settings: Settings, question):
            return await settings.lm(settings, question)


        async def _caller(settings: Settings):
            return await _ask(settings, "a")
        """,
    )
