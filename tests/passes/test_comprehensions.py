"""Comprehensions that wait, generator expressions handed to what consumes them, loops over asynchronous generators."""

from __future__ import annotations

import pytest

from tests.support.conversion import assert_converted, convert_toy, toy_files


def test_comprehensions_wait_where_they_stand() -> None:
    assert_converted(
        """
        def _f(lm: BaseLM, xs):
            a = [lm(x) for x in xs if lm(x)]
            b = {lm(x) for x in lm("xs")}
            c = {lm(x): lm(y) for x, y in xs}
            return [lm(y).text for x in xs for y in x], a, b, c
        """,
        """
        async def _f(settings: Settings, lm: BaseLM, xs):
            a = [await lm(settings, x) for x in xs if await lm(settings, x)]
            b = {await lm(settings, x) for x in await lm(settings, "xs")}
            c = {await lm(settings, x): await lm(settings, y) for x, y in xs}
            return [(await lm(settings, y)).text for x in xs for y in x], a, b, c
        """,
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("sum(lm(x) for x in xs)", "sum([await lm(settings, x) for x in xs])"),
        ("sum((lm(x) for x in xs), 3)", "sum([await lm(settings, x) for x in xs], 3)"),
        ("list(lm(x) for x in xs)", "list([await lm(settings, x) for x in xs])"),
        ("tuple((lm(x) for x in xs))", "tuple([await lm(settings, x) for x in xs])"),
        ("', '.join(lm(x) for x in xs)", "', '.join([await lm(settings, x) for x in xs])"),
        ("max((lm(x) for x in xs), key=len)", "max([await lm(settings, x) for x in xs], key=len)"),
        ("dict((x, lm(x)) for x in xs)", "dict([(x, await lm(settings, x)) for x in xs])"),
        ("sum(sum(lm(y) for y in x) for x in xs)", "sum([sum([await lm(settings, y) for y in x]) for x in xs])"),
    ],
)
def test_generator_expressions_in_what_takes_all_at_once(before: str, after: str) -> None:
    assert_converted(
        f"def _f(lm: BaseLM, xs):\n    return {before}\n",
        f"async def _f(settings: Settings, lm: BaseLM, xs):\n    return {after}\n",
    )


def test_a_generator_expression_over_several_lines() -> None:
    assert_converted(
        """
        def _f(lm: BaseLM, xs, è):
            return "é", sum(
                lm(x)  # each
                for x in xs
            )
        """,
        """
        async def _f(settings: Settings, lm: BaseLM, xs, è):
            return "é", sum([
                await lm(settings, x)  # each
                for x in xs
            ])
        """,
    )


@pytest.mark.parametrize("consumer", ["print", "iter", "next", "consume"])
def test_generator_expressions_that_are_consumed_lazily(consumer: str) -> None:
    """A list would wait for more than is asked for; a person decides."""
    found = ["2: unresolved"] if consumer == "consume" else []
    assert_converted(
        f"def _f(lm: BaseLM, xs, consume):\n    return {consumer}(lm(x) for x in xs)\n",
        "async def _f(settings: Settings, lm: BaseLM, xs, consume):\n"
        f"    return {consumer}(await lm(settings, x) for x in xs)\n",
        findings=["2: generator: consumed lazily: (lm(x) for x in xs)"],
        unresolved=found,
    )


def test_generator_expressions_under_a_name_and_in_a_loop() -> None:
    assert_converted(
        """
        def _f(lm: BaseLM, xs):
            later = (lm(x) for x in xs)
            for y in (lm(x) for x in xs):
                print(y)
            return later
        """,
        """
        async def _f(settings: Settings, lm: BaseLM, xs):
            later = (await lm(settings, x) for x in xs)
            for y in (await lm(settings, x) for x in xs):
                print(y)
            return later
        """,
        findings=["2: generator", "3: generator"],
    )


def test_a_generator_expression_over_what_waits_is_no_finding() -> None:
    assert_converted(
        """
        def _f(lm: BaseLM):
            return any(x for x in lm("a"))
        """,
        """
        async def _f(settings: Settings, lm: BaseLM):
            return any(x for x in await lm(settings, "a"))
        """,
    )


def test_loops_over_asynchronous_generators() -> None:
    assert_converted(
        """
        class Shop:
            def _parts(self, lm: BaseLM):
                yield lm("a")

            def _work(self, lm: BaseLM):
                for x in self._parts(lm):  # a comment
                    print(x)
                else:
                    print("done")
                a = [y for y in self._parts(lm)]
                return a, {y: z for y in "ab" for z in self._parts(lm)}
        """,
        """
        class Shop:
            async def _parts(self, settings: Settings, lm: BaseLM):
                yield await lm(settings, "a")

            async def _work(self, settings: Settings, lm: BaseLM):
                async for x in self._parts(settings, lm):  # a comment
                    print(x)
                else:
                    print("done")
                a = [y async for y in self._parts(settings, lm)]
                return a, {y: z for y in "ab" async for z in self._parts(settings, lm)}
        """,
    )


def test_what_is_asynchronous_in_the_source() -> None:
    assert_converted(
        """
        async def _parts(lm: BaseLM):
            yield await lm("a")


        async def _all(lm: BaseLM):
            async for x in _parts(lm):
                yield x
            yield [y async for y in _parts(lm)]
        """,
        """
        async def _parts(settings: Settings, lm: BaseLM):
            yield await lm(settings, "a")


        async def _all(settings: Settings, lm: BaseLM):
            async for x in _parts(settings, lm):
                yield x
            yield [y async for y in _parts(settings, lm)]
        """,
    )


def test_a_generator_that_does_not_wait_stays() -> None:
    assert_converted(
        """
        def _plain():
            yield settings.trace


        def _f(lm: BaseLM):
            for x in _plain():
                lm(x)
            return list(_plain())
        """,
        """
        def _plain(settings: Settings):
            yield settings.trace


        async def _f(settings: Settings, lm: BaseLM):
            for x in _plain(settings):
                await lm(settings, x)
            return list(_plain(settings))
        """,
    )


@pytest.mark.parametrize(
    "expression",
    [
        "list(_parts(lm))",
        "next(_parts(lm))",
        "sorted((_parts(lm)))",
        "[*_parts(lm)]",
        "dict(enumerate(_parts(lm)))",
        "'a' in _parts(lm)",
    ],
)
def test_asynchronous_generators_that_are_consumed_by_what_cannot(expression: str) -> None:
    """Converted or reported; what comes out may be either, so this asks for the finding."""
    code = "\n\ndef _parts(lm: BaseLM):\n    yield lm('a')\n\n\ndef _f(lm: BaseLM):\n    return {}\n"
    after = (
        "\n\nasync def _parts(settings: Settings, lm: BaseLM):\n    yield await lm(settings, 'a')\n\n\n"
        "async def _f(settings: Settings, lm: BaseLM):\n    return {}\n"
    )
    assert_converted(
        code.format(expression),
        after.format(expression.replace("_parts(lm)", "_parts(settings, lm)")),
        findings=["7: generator"],
    )


def test_a_loop_over_an_asynchronous_generator_with_a_name() -> None:
    """Wherever it was made: also where the loop is the only reason for its function to be a coroutine."""
    assert_converted(
        """
        def _parts(lm: BaseLM):
            yield lm("a")


        def _show(parts):
            for x in parts:
                print(x)


        def _f(lm: BaseLM):
            parts = _parts(lm)
            for x in parts:
                print(x)
            _show(parts)
            return sum(x for x in _parts(lm)), [x for x in parts]
        """,
        """
        async def _parts(settings: Settings, lm: BaseLM):
            yield await lm(settings, "a")


        async def _show(parts):
            async for x in parts:
                print(x)


        async def _f(settings: Settings, lm: BaseLM):
            parts = _parts(settings, lm)
            async for x in parts:
                print(x)
            await _show(parts)
            return sum([x async for x in _parts(settings, lm)]), [x async for x in parts]
        """,
    )


def test_a_loop_over_what_may_be_plain_or_asynchronous_is_reported() -> None:
    code = """
        def _parts(lm: BaseLM):
            yield lm("a")


        def _f(lm: BaseLM, quick):
            parts = [1] if quick else _parts(lm)
            for x in parts:
                print(x)
        """
    assert [f.rule for f in convert_toy(toy_files(code)).findings] == ["generator"]


def test_one_of_two_that_coroutines_go_through() -> None:
    """A plain class may have the method too, as a coroutine function since: who goes through one means the other."""
    assert_converted(
        """
        class _Plain:
            def stream(self, lm: BaseLM):
                return list(lm("a"))


        class _Asynchronous:
            async def stream(self, lm: BaseLM):
                for x in lm("a"):
                    yield x


        async def _show(lm: BaseLM, source: _Plain | _Asynchronous):
            parts = source.stream(lm)
            async for x in parts:
                print(x)
        """,
        """
        class _Plain:
            async def stream(self, settings: Settings, lm: BaseLM):
                return list(await lm(settings, "a"))


        class _Asynchronous:
            async def stream(self, settings: Settings, lm: BaseLM):
                for x in await lm(settings, "a"):
                    yield x


        async def _show(settings: Settings, lm: BaseLM, source: _Plain | _Asynchronous):
            parts = source.stream(settings, lm)
            async for x in parts:
                print(x)
        """,
    )
