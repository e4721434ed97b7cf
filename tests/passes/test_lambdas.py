"""A lambda that must wait becomes a nested coroutine function, defined right before its statement."""

from __future__ import annotations

import pytest

from tests.support.conversion import assert_converted, assert_untouched


def test_held_by_a_variable_an_attribute_or_an_argument() -> None:
    assert_converted(
        """
        class Tool:
            def __init__(self, function, name=None):
                self.function = function

            def _call(self, x):
                return self.function(x)


        class Shop:
            def __init__(self, lm: BaseLM):
                # a comment
                self.order = lambda x, *xs, y=1, **options: lm(x, y)
                self.plain = lambda x: x
                self.tool = Tool(function=lambda: lm("a"), name="n")
                self.other = Tool(lambda: lm("b"))

            def _work(self):
                return self.order(1), self.plain(2), self.tool._call(3)
        """,
        """
        class Tool:
            def __init__(self, function, name=None):
                self.function = function

            async def _call(self, settings: Settings, x):
                return await self.function(settings, x)


        class Shop:
            def __init__(self, lm: BaseLM):

                async def order(settings: Settings, /, x, *xs, y=1, **options):
                    return await lm(settings, x, y)

                # a comment
                self.order = order
                self.plain = lambda x: x

                async def function(settings: Settings):
                    return await lm(settings, "a")

                self.tool = Tool(function=function, name="n")

                async def awaited(settings: Settings):
                    return await lm(settings, "b")

                self.other = Tool(awaited)

            async def _work(self, settings: Settings):
                return await self.order(settings, 1), self.plain(2), await self.tool._call(settings, 3)
        """,
    )


def test_a_variable_of_the_lambda_s_name() -> None:
    assert_converted(
        """
        def _f(lm: BaseLM, ok):
            if ok:
                ask = lambda x: lm(x).text
            else:
                ask = lambda: lm("b")
            return ask(1)
        """,
        """
        async def _f(settings: Settings, lm: BaseLM, ok):
            if ok:

                async def call_ask(settings: Settings, x):
                    return (await lm(settings, x)).text

                ask = call_ask
            else:

                async def call_ask(settings: Settings):
                    return await lm(settings, "b")

                ask = call_ask
            return await ask(settings, 1)
        """,
    )


def test_a_variable_of_a_module() -> None:
    assert_converted(
        """
        LM = BaseLM()
        ask = lambda x: LM(x)
        """,
        """
        LM = BaseLM()

        async def ask(settings: Settings, x):
            return await LM(settings, x)
        """,
    )


def test_a_lambda_in_a_lambda_s_place_that_only_reads_settings() -> None:
    assert_converted(
        """
        def _f(xs):
            return sorted(xs, key=lambda x: settings.order[x])
        """,
        """
        def _f(settings: Settings, xs):
            return sorted(xs, key=lambda x: settings.order[x])
        """,
    )


@pytest.mark.parametrize(
    ("before", "after", "name"),
    [
        ('{"a": lambda: lm("x")}', '{"a": a}', "a"),
        ('{"class": lambda: lm("x")}', '{"class": awaited}', "awaited"),
        ('[lambda: lm("x")]', "[awaited]", "awaited"),
        ('xs if xs else (lambda: lm("x"))', "xs if xs else awaited", "awaited"),
        ('xs or (lambda: lm("x"))', "xs or awaited", "awaited"),
    ],
)
def test_within_an_expression(before: str, after: str, name: str) -> None:
    assert_converted(
        f"def _f(lm: BaseLM, xs):\n    return {before}\n",
        f"def _f(lm: BaseLM, xs):\n\n    async def {name}(settings: Settings):\n"
        f'        return await lm(settings, "x")\n\n    return {after}\n',
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('xs or (lambda x=xs.pop(): lm("x"))', 'xs or (lambda x=xs.pop(): lm(settings, "x"))'),
        ('lambda: (lambda: lm("x"))', 'lambda: (lambda: lm(settings, "x"))'),
    ],
)
def test_where_no_definition_can_be_put_before(before: str, after: str) -> None:
    assert_converted(
        f"def _f(lm: BaseLM, xs):\n    return {before}\n",
        f"def _f(lm: BaseLM, xs):\n    return {after}\n",
        findings=[
            "2: lambda: stands where it cannot be made a coroutine function",
            "2: wall-coroutine: cannot be awaited here",
        ],
        again=False,
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("for _ in xs: ask = lambda: lm('x')", "for _ in xs:\n        async def call_ask(settings: Settings):"),
        ("if xs: ask = lambda: lm('x')", "if xs:\n        async def call_ask(settings: Settings):"),
    ],
)
def test_in_a_suite_on_one_line(before: str, after: str) -> None:
    assert_converted(
        f"def _f(lm: BaseLM, xs):\n    {before}\n",
        f"def _f(lm: BaseLM, xs):\n    {after}\n            return await lm(settings, 'x')\n\n        ask = call_ask\n",
    )


def test_in_a_comprehension() -> None:
    code = """
        def _f(lm: BaseLM, xs):
            return [print(lambda: lm({}x)) for x in xs]
        """
    findings = ["2: lambda", "2: wall-coroutine"]
    assert_converted(code.format(""), code.format("settings, "), findings=findings, again=False)


def test_two_in_one_statement() -> None:
    assert_converted(
        """
        class Pair:
            def __init__(self, one, two):
                self.one = one
                self.two = two


        def _f(lm: BaseLM):
            return Pair(lambda: lm("a"), lambda: lm("b"))
        """,
        """
        class Pair:
            def __init__(self, one, two):
                self.one = one
                self.two = two


        def _f(lm: BaseLM):

            async def awaited(settings: Settings):
                return await lm(settings, "a")

            async def awaited_2(settings: Settings):
                return await lm(settings, "b")

            return Pair(awaited, awaited_2)
        """,
    )


def test_a_name_that_the_function_uses() -> None:
    assert_converted(
        """
        class Tool:
            def __init__(self, function):
                self.function = function


        def function():
            return 1


        def _f(lm: BaseLM):
            function()
            return Tool(function=lambda: lm("a"))
        """,
        """
        class Tool:
            def __init__(self, function):
                self.function = function


        def function():
            return 1


        def _f(lm: BaseLM):
            function()

            async def call_function(settings: Settings):
                return await lm(settings, "a")

            return Tool(function=call_function)
        """,
    )


def test_defaults_keep_their_values() -> None:
    assert_converted(
        """
        def _f(lm: BaseLM, xs):
            asks = []
            for x in xs:
                ask = lambda x=x: lm(x)
                asks.append(ask)
            return [ask() for ask in asks]
        """,
        """
        async def _f(settings: Settings, lm: BaseLM, xs):
            asks = []
            for x in xs:

                async def call_ask(settings: Settings, x=x):
                    return await lm(settings, x)

                ask = call_ask
                asks.append(ask)
            return [await ask(settings) for ask in asks]
        """,
    )


def test_a_lambda_that_does_not_wait_stays() -> None:
    assert_untouched(
        """
        def _f(lm: BaseLM, xs):
            cost = lambda: lm.cost()
            return cost(), sorted(xs, key=lambda x: -x), {"a": lambda: 1}
        """
    )


def test_handed_to_code_that_does_not_await() -> None:
    assert_converted(
        """
        def _f(lm: BaseLM, xs):
            return sorted(xs, key=lambda x: lm(x))
        """,
        """
        def _f(lm: BaseLM, xs):

            async def key(settings: Settings, x):
                return await lm(settings, x)

            return sorted(xs, key=key)
        """,
        findings=["2: handed-out: sorted(...) is handed the coroutine function"],
        again=False,
    )
