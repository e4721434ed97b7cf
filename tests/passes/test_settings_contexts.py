"""`with dspy.context(...)` hands out a child, under a name that is fresh in its block, and used in all of it."""

from __future__ import annotations

import pytest

from tests.support.conversion import assert_converted, assert_untouched, convert_toy, toy_files


def test_siblings_nesting_and_what_comes_after() -> None:
    assert_converted(
        """
        def _f(lm: BaseLM, x: BaseLM):
            with dspy.context(a=1):
                lm("one")
            with settings.context(b=settings.b):  # a comment
                lm("two")
                with dspy.context(c=dspy.settings.c):
                    x(settings.trace, lm=dspy.settings.lm)
                lm("four", settings.trace)
            return lm("five", settings.trace)
        """,
        """
        async def _f(settings: Settings, lm: BaseLM, x: BaseLM):
            with settings.context(a=1) as inner_settings:
                await lm(inner_settings, "one")
            with settings.context(b=settings.b) as inner_settings:  # a comment
                await lm(inner_settings, "two")
                with inner_settings.context(c=inner_settings.c) as inner_settings_2:
                    await x(inner_settings_2, inner_settings_2.trace, lm=inner_settings_2.lm)
                await lm(inner_settings, "four", inner_settings.trace)
            return await lm(settings, "five", settings.trace)
        """,
    )


def test_a_plain_function_has_children_too() -> None:
    assert_converted(
        """
        def _read():
            return settings.trace


        def _f():
            with dspy.context(trace=[]):
                trace = settings.trace
                _read()
            return trace
        """,
        """
        def _read(settings: Settings):
            return settings.trace


        def _f(settings: Settings):
            with settings.context(trace=[]) as inner_settings:
                trace = inner_settings.trace
                _read(inner_settings)
            return trace
        """,
    )


@pytest.mark.parametrize(
    ("imported", "call"),
    [
        ("import dspy", "dspy.context"),
        ("import dspy", "dspy.settings.context"),
        ("from dspy import context", "context"),
        ("from dspy import context as changed", "changed"),
        ("from dspy.dsp.utils.settings import settings", "settings.context"),
    ],
)
def test_however_it_is_called(imported: str, call: str) -> None:
    assert_converted(
        f"{imported}\n\n\ndef _f():\n    with {call}(a=1):\n        pass\n",
        "from dspy.dsp.utils.settings import Settings\n\n\n"
        "def _f(settings: Settings):\n    with settings.context(a=1) as inner_settings:\n        pass\n",
        header=False,
    )


def test_a_name_that_is_used_already() -> None:
    assert_converted(
        """
        def _f(lm: BaseLM, inner_settings):
            with dspy.context(a=1):
                inner_settings_2 = lm(inner_settings)
            return inner_settings_2
        """,
        """
        async def _f(settings: Settings, lm: BaseLM, inner_settings):
            with settings.context(a=1) as inner_settings_3:
                inner_settings_2 = await lm(inner_settings_3, inner_settings)
            return inner_settings_2
        """,
    )


def test_a_child_never_has_its_parent_s_name() -> None:
    assert_converted(
        """
        def _f(lm: BaseLM, inner_settings):
            with dspy.context(a=1):
                with dspy.context(b=1):
                    lm(inner_settings)
                lm("a")
        """,
        """
        async def _f(settings: Settings, lm: BaseLM, inner_settings):
            with settings.context(a=1) as inner_settings_2:
                with inner_settings_2.context(b=1) as inner_settings_3:
                    await lm(inner_settings_3, inner_settings)
                await lm(inner_settings_2, "a")
        """,
    )


def test_several_items() -> None:
    assert_converted(
        """
        def _f(lm: BaseLM, path):
            with dspy.context(a=1), open(path), dspy.context(b=1):
                lm("a")
            with (
                open(path),
                dspy.context(
                    c=lm("c"),  # a comment
                ),
            ):
                lm("d")
        """,
        """
        async def _f(settings: Settings, lm: BaseLM, path):
            with settings.context(a=1) as inner_settings, open(path), inner_settings.context(b=1) as inner_settings_2:
                await lm(inner_settings_2, "a")
            with (
                open(path),
                settings.context(
                    c=await lm(settings, "c"),  # a comment
                ) as inner_settings,
            ):
                await lm(inner_settings, "d")
        """,
    )


def test_a_child_that_has_a_name() -> None:
    assert_converted(
        """
        def _f(lm: BaseLM):
            with dspy.context(a=1) as child:
                lm("a")
                with dspy.context(b=1):
                    return settings.trace, child
        """,
        """
        async def _f(settings: Settings, lm: BaseLM):
            with settings.context(a=1) as child:
                await lm(child, "a")
                with child.context(b=1) as inner_settings_2:
                    return inner_settings_2.trace, child
        """,
    )


def test_a_child_that_a_closure_holds_keeps_its_name_to_itself() -> None:
    assert_converted(
        """
        def _f(xs):
            with dspy.context(a=1):
                first = lambda: settings.trace
            with dspy.context(b=1):
                def second():
                    return settings.trace
            with dspy.context(c=1):
                third = [settings.trace for _ in xs]
            with dspy.context(d=1):
                return first(), second(), third, settings.trace
        """,
        """
        def _f(settings: Settings, xs):
            with settings.context(a=1) as inner_settings:
                first = lambda: inner_settings.trace
            with settings.context(b=1) as inner_settings_2:
                def second():
                    return inner_settings_2.trace
            with settings.context(c=1) as inner_settings_3:
                third = [inner_settings_3.trace for _ in xs]
            with settings.context(d=1) as inner_settings_3:
                return first(), second(), third, inner_settings_3.trace
        """,
    )


def test_nested_coroutines_are_handed_the_child_where_they_are_called() -> None:
    assert_converted(
        """
        def _f(lm: BaseLM):
            def ask(x):
                with dspy.context(b=1):
                    return lm(x)

            with dspy.context(a=1):
                def tell(x):
                    return lm(x, settings.trace)

                ask("a")
                tell("b")
            return ask("c")
        """,
        """
        async def _f(settings: Settings, lm: BaseLM):
            async def ask(settings: Settings, x):
                with settings.context(b=1) as inner_settings:
                    return await lm(inner_settings, x)

            with settings.context(a=1) as inner_settings:
                async def tell(settings: Settings, x):
                    return await lm(settings, x, settings.trace)

                await ask(inner_settings, "a")
                await tell(inner_settings, "b")
            return await ask(settings, "c")
        """,
    )


def test_a_block_in_a_closure_has_a_name_of_its_own() -> None:
    assert_converted(
        """
        def _f():
            with dspy.context(a=1):
                def inner():
                    with dspy.context(b=1):
                        return settings.trace

                return inner()
        """,
        """
        def _f(settings: Settings):
            with settings.context(a=1) as inner_settings:
                def inner():
                    with inner_settings.context(b=1) as inner_settings_2:
                        return inner_settings_2.trace

                return inner()
        """,
    )


def test_a_context_that_was_made_before() -> None:
    assert_converted(
        """
        def _f():
            context = settings.context(a=1)
            with context:
                return settings.trace
        """,
        """
        def _f(settings: Settings):
            context = settings.context(a=1)
            with context as inner_settings:
                return inner_settings.trace
        """,
    )


def test_a_context_that_is_entered_by_something_else_is_reported() -> None:
    assert_converted(
        """
        def _f(stack):
            stack.enter_context(dspy.context(a=1))
            return settings.trace
        """,
        """
        def _f(settings: Settings, stack):
            stack.enter_context(settings.context(a=1))
            return settings.trace
        """,
        findings=["2: settings-context"],
    )


def test_an_asynchronous_context_that_is_entered_by_something_else_is_reported() -> None:
    code = """
        from contextlib import contextmanager


        @contextmanager
        def _session(lm: BaseLM):
            yield lm("open")


        def _f(stack, lm: BaseLM):
            return stack.enter_context(_session(lm)), _session(lm).__enter__()
        """
    assert [f.rule for f in convert_toy(toy_files(code)).findings] == ["settings-context", "settings-context"]


def test_a_block_at_a_module_s_top_level() -> None:
    assert_converted(
        """
        with dspy.context(a=1):
            print(settings.trace)
        """,
        """
        with dspy.context(a=1) as inner_settings:
            print(inner_settings.trace)
        """,
    )


def test_asynchronous_blocks_loops_and_branches_around() -> None:
    assert_converted(
        """
        async def _f(lm: BaseLM, lock: "asyncio.Lock", xs):
            for x in xs:
                if x:
                    async with lock:
                        with dspy.context(a=x):
                            await lm(x)
                else:
                    with dspy.context(b=x):
                        await lm(x)
            return settings.trace
        """,
        """
        async def _f(settings: Settings, lm: BaseLM, lock: "asyncio.Lock", xs):
            for x in xs:
                if x:
                    async with lock:
                        with settings.context(a=x) as inner_settings:
                            await lm(inner_settings, x)
                else:
                    with settings.context(b=x) as inner_settings:
                        await lm(inner_settings, x)
            return settings.trace
        """,
    )


def test_other_contexts_stay() -> None:
    assert_untouched(
        """
        import decimal


        class Shop:
            def context(self, **values):
                return open("x")


        def _f(shop: Shop):
            with shop.context(a=1), decimal.localcontext():
                return 1
        """
    )
