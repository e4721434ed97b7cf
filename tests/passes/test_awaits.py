"""Calls of coroutines are awaited, in parentheses only where the grammar needs them."""

from __future__ import annotations

import pytest

from tests.support.conversion import assert_converted, assert_untouched


def assert_expression(before: str, after: str) -> None:
    assert_converted(
        f"def _f(lm: BaseLM, other: BaseLM, xs):\n    return {before}\n",
        f"async def _f(settings: Settings, lm: BaseLM, other: BaseLM, xs):\n    return {after}\n",
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("lm('a')", "await lm(settings, 'a')"),
        ("lm('a').text", "(await lm(settings, 'a')).text"),
        ("lm('a').text.strip()", "(await lm(settings, 'a')).text.strip()"),
        ("lm('a')['k']", "(await lm(settings, 'a'))['k']"),
        ("lm('a')[0][1]", "(await lm(settings, 'a'))[0][1]"),
        ("lm('a')[1:2]", "(await lm(settings, 'a'))[1:2]"),
        ("xs[lm('a')]", "xs[await lm(settings, 'a')]"),
        ("xs[lm('a'):lm('b')]", "xs[await lm(settings, 'a'):await lm(settings, 'b')]"),
        ("lm('a') ** 2", "await lm(settings, 'a') ** 2"),
        ("2 ** lm('a')", "2 ** await lm(settings, 'a')"),
        ("-lm('a')", "-await lm(settings, 'a')"),
        ("not lm('a')", "not await lm(settings, 'a')"),
        ("lm('a') + lm('b') * 2", "await lm(settings, 'a') + await lm(settings, 'b') * 2"),
        ("lm('a') == lm('b') < 3", "await lm(settings, 'a') == await lm(settings, 'b') < 3"),
        ("lm('a') in lm('b')", "await lm(settings, 'a') in await lm(settings, 'b')"),
        ("lm('a') is None", "await lm(settings, 'a') is None"),
        ("lm('a') and lm('b') or xs", "await lm(settings, 'a') and await lm(settings, 'b') or xs"),
        ("lm('a') if lm('b') else xs", "await lm(settings, 'a') if await lm(settings, 'b') else xs"),
        ("xs if xs else lm('c')", "xs if xs else await lm(settings, 'c')"),
        ("lm('a'), lm('b')", "await lm(settings, 'a'), await lm(settings, 'b')"),
        ("[*lm('a'), *lm('b')]", "[*await lm(settings, 'a'), *await lm(settings, 'b')]"),
        ("{**lm('a'), 'k': lm('b')}", "{**await lm(settings, 'a'), 'k': await lm(settings, 'b')}"),
        ("print(*lm('a'), **lm('b'))", "print(*await lm(settings, 'a'), **await lm(settings, 'b'))"),
        ("print(lm('a'), end=lm('b'))", "print(await lm(settings, 'a'), end=await lm(settings, 'b'))"),
        ("lm(lm(lm('a')))", "await lm(settings, await lm(settings, await lm(settings, 'a')))"),
        ("(x := lm('a'))", "(x := await lm(settings, 'a'))"),
        ("(lm or other)('a')", "await (lm or other)(settings, 'a')"),
        ("(lm if xs else other)('a').text", "(await (lm if xs else other)(settings, 'a')).text"),
        ("lm.forward('a').strip", "(await lm.forward(settings, 'a')).strip"),
        ("str(lm.forward('a'))", "str(await lm.forward(settings, 'a'))"),
    ],
)
def test_parentheses_only_where_they_are_needed(before: str, after: str) -> None:
    assert_expression(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("""f"{lm('a')}" """, """f"{await lm(settings, 'a')}" """),
        ("""f"{lm('a').text!r:>10}" """, """f"{(await lm(settings, 'a')).text!r:>10}" """),
        ("""f"{lm('a')} and {lm('b')=}" """, """f"{await lm(settings, 'a')} and {await lm(settings, 'b')=}" """),
        ("""f"{xs:>{lm('w')}}" """, """f"{xs:>{await lm(settings, 'w')}}" """),
        ("""'a' f"{lm('b')}" 'c' """, """'a' f"{await lm(settings, 'b')}" 'c' """),
    ],
)
def test_in_f_strings(before: str, after: str) -> None:
    assert_expression(before.strip(), after.strip())


def test_what_a_call_of_a_call_returns() -> None:
    assert_converted(
        "def _f(lm: BaseLM):\n    return lm('a')()\n",
        "async def _f(settings: Settings, lm: BaseLM):\n    return (await lm(settings, 'a'))()\n",
        unresolved=["2: unresolved: calls the result of an expression"],
    )


def test_every_kind_of_statement() -> None:
    assert_converted(
        """
        def _f(lm: BaseLM, path):
            global TOTAL
            TOTAL = lm("a")
            x: int = lm("b")
            x += lm("c")
            lm("d").name = lm("e")
            lm("f")[lm("g")] = 1
            del lm("h").name
            assert lm("i"), lm("j")
            if lm("k"):
                lm("l")
            elif lm("m"):
                pass
            while lm("n"):
                break
            for y in lm("o"):
                print(y)
            with open(lm("p")) as f:
                f.read()
            try:
                lm("q")
            except lm("r") as e:
                raise lm("s") from e
            finally:
                lm("t")
            match lm("u"):
                case 1 if lm("v"):
                    pass
            return lm("w")
        """,
        """
        async def _f(settings: Settings, lm: BaseLM, path):
            global TOTAL
            TOTAL = await lm(settings, "a")
            x: int = await lm(settings, "b")
            x += await lm(settings, "c")
            (await lm(settings, "d")).name = await lm(settings, "e")
            (await lm(settings, "f"))[await lm(settings, "g")] = 1
            del (await lm(settings, "h")).name
            assert await lm(settings, "i"), await lm(settings, "j")
            if await lm(settings, "k"):
                await lm(settings, "l")
            elif await lm(settings, "m"):
                pass
            while await lm(settings, "n"):
                break
            for y in await lm(settings, "o"):
                print(y)
            with open(await lm(settings, "p")) as f:
                f.read()
            try:
                await lm(settings, "q")
            except await lm(settings, "r") as e:
                raise await lm(settings, "s") from e
            finally:
                await lm(settings, "t")
            match await lm(settings, "u"):
                case 1 if await lm(settings, "v"):
                    pass
            return await lm(settings, "w")
        """,
    )


def test_in_decorators_and_defaults_of_a_nested_function() -> None:
    assert_converted(
        """
        def _f(lm: BaseLM):
            @lm("decorator")
            def inner(x=lm("default")):
                return x
        """,
        """
        async def _f(settings: Settings, lm: BaseLM):
            @await lm(settings, "decorator")
            def inner(x=await lm(settings, "default")):
                return x
        """,
    )


def test_a_chain_over_several_lines() -> None:
    assert_converted(
        """
        def _f(lm: BaseLM, x):
            a = (
                lm("a")
                .strip()  # a comment
                .lower()
            )
            b = x + \\
                lm("b") \\
                .y
            return lm(
                "c"
            )["d"], a, b
        """,
        """
        async def _f(settings: Settings, lm: BaseLM, x):
            a = (
                (await lm(settings, "a"))
                .strip()  # a comment
                .lower()
            )
            b = x + \\
                (await lm(settings, "b")) \\
                .y
            return (await lm(
                settings,
                "c"
            ))["d"], a, b
        """,
    )


def test_parentheses_that_were_there_stay() -> None:
    assert_converted(
        """
        def _f(lm: BaseLM):
            x = (lm("a") and (lm("b")))
            return (
                lm("c")
            )
        """,
        """
        async def _f(settings: Settings, lm: BaseLM):
            x = (await lm(settings, "a") and await (lm(settings, "b")))
            return await (
                lm(settings, "c")
            )
        """,
    )


def test_parentheses_that_were_there_are_used() -> None:
    assert_expression("(lm('a')).text", "(await lm(settings, 'a')).text")


def test_what_is_awaited_already_is_not_awaited_twice() -> None:
    assert_converted(
        """
        async def _f(lm: BaseLM):
            x = await lm("a")
            return (await lm("b")).text, x
        """,
        """
        async def _f(settings: Settings, lm: BaseLM):
            x = await lm(settings, "a")
            return (await lm(settings, "b")).text, x
        """,
    )


def test_a_coroutine_that_was_kept_and_awaited_later() -> None:
    assert_converted(
        """
        async def _f(lm: BaseLM):
            pending = lm("a")
            return await pending
        """,
        """
        async def _f(settings: Settings, lm: BaseLM):
            pending = lm(settings, "a")
            return await pending
        """,
    )


@pytest.mark.parametrize(
    ("asked", "kept"),
    [("found", "found"), ("not found", "None"), ("found is not None", "found"), ("found and lm.ready", "found")],
)
def test_a_value_of_which_the_code_asks_whether_there_is_one_is_awaited_at_once(asked: str, kept: str) -> None:
    """The plain function gave a coroutine or nothing; the coroutine function gives a coroutine always."""
    waits = "await found" if kept == "found" else kept
    assert_converted(
        f"""
        def _quick(lm: BaseLM, call):
            if lm.quick:
                return call("a")

        async def _f(lm: BaseLM):
            found = _quick(lm, lm)
            if {asked}:
                return {waits}
            return await lm("b")
        """,
        f"""
        async def _quick(settings: Settings, lm: BaseLM, call):
            if lm.quick:
                return await call(settings, "a")

        async def _f(settings: Settings, lm: BaseLM):
            found = await _quick(settings, lm, lm)
            if {asked}:
                return {kept}
            return await lm(settings, "b")
        """,
    )


def test_a_coroutine_of_the_sources_own_is_kept_although_the_code_asks_whether_there_is_one() -> None:
    assert_converted(
        """
        async def _slow(lm: BaseLM):
            return await lm("a")

        async def _f(lm: BaseLM, late):
            pending = None if late else _slow(lm)
            pending = _slow(lm)
            if pending is not None:
                return await pending
        """,
        """
        async def _slow(settings: Settings, lm: BaseLM):
            return await lm(settings, "a")

        async def _f(settings: Settings, lm: BaseLM, late):
            pending = None if late else _slow(settings, lm)
            pending = _slow(settings, lm)
            if pending is not None:
                return await pending
        """,
    )


def test_a_value_of_which_the_code_asks_whether_it_is_awaitable_is_awaited_at_once() -> None:
    assert_converted(
        """
        import inspect


        async def _f(metric):
            found = metric("a")
            if inspect.isawaitable(found):
                found = await found
            return found
        """,
        """
        import inspect


        async def _f(settings: Settings, metric):
            found = await ready(bind(metric, settings)("a"))
            if inspect.isawaitable(found):
                found = found
            return found
        """,
    )


def test_coroutines_kept_in_a_list_and_handed_on_to_who_awaits_them() -> None:
    assert_converted(
        """
        import asyncio


        async def _all(pending, first):
            await first
            return await asyncio.gather(*pending)


        async def _f(lm: BaseLM, xs):
            pending = []
            for x in xs:
                pending.append(lm(x))
            pending += [lm("b")]
            return await _all(pending, first=lm("c"))
        """,
        """
        import asyncio


        async def _all(pending, first):
            await first
            return await asyncio.gather(*pending)


        async def _f(settings: Settings, lm: BaseLM, xs):
            pending = []
            for x in xs:
                pending.append(lm(settings, x))
            pending += [lm(settings, "b")]
            return await _all(pending, first=lm(settings, "c"))
        """,
    )


def test_methods_called_as_those_of_asyncio_are_not() -> None:
    assert_converted(
        """
        class Shop:
            def run(self, x):
                return x


        def _f(lm: BaseLM, shop: Shop):
            return shop.run(lm("a"))
        """,
        """
        class Shop:
            def run(self, x):
                return x


        async def _f(settings: Settings, lm: BaseLM, shop: Shop):
            return shop.run(await lm(settings, "a"))
        """,
    )


def test_coroutines_handed_to_asyncio_are_not_awaited() -> None:
    assert_converted(
        """
        import asyncio


        async def _f(lm: BaseLM, xs):
            task = asyncio.create_task(lm("a"))
            both = await asyncio.gather(lm("b"), lm("c"))
            soon = await asyncio.wait_for(lm("d"), timeout=1)
            tasks = [asyncio.ensure_future(lm(x)) for x in xs]
            return await task, both, soon, await asyncio.gather(*tasks)
        """,
        """
        import asyncio


        async def _f(settings: Settings, lm: BaseLM, xs):
            task = asyncio.create_task(lm(settings, "a"))
            both = await asyncio.gather(lm(settings, "b"), lm(settings, "c"))
            soon = await asyncio.wait_for(lm(settings, "d"), timeout=1)
            tasks = [asyncio.ensure_future(lm(settings, x)) for x in xs]
            return await task, both, soon, await asyncio.gather(*tasks)
        """,
    )


def test_coroutines_of_a_list_handed_to_gather_are_not_awaited() -> None:
    assert_converted(
        """
        import asyncio


        async def _f(lm: BaseLM, xs):
            return await asyncio.gather(*[lm(x) for x in xs])
        """,
        """
        import asyncio


        async def _f(settings: Settings, lm: BaseLM, xs):
            return await asyncio.gather(*[lm(settings, x) for x in xs])
        """,
    )


def test_coroutines_of_a_generator_handed_to_gather_are_not_awaited() -> None:
    assert_converted(
        """
        import asyncio


        async def _f(lm: BaseLM, xs):
            return await asyncio.gather(*(lm(x) for x in xs))
        """,
        """
        import asyncio


        async def _f(settings: Settings, lm: BaseLM, xs):
            return await asyncio.gather(*(lm(settings, x) for x in xs))
        """,
    )


def test_a_coroutine_that_was_kept_and_handed_to_asyncio() -> None:
    assert_converted(
        """
        import asyncio


        async def _f(lm: BaseLM):
            pending = lm("a")
            return await asyncio.wait_for(pending, 1)
        """,
        """
        import asyncio


        async def _f(settings: Settings, lm: BaseLM):
            pending = lm(settings, "a")
            return await asyncio.wait_for(pending, 1)
        """,
    )


def test_a_bridge_from_sync_to_async_goes() -> None:
    assert_converted(
        """
        import asyncio


        async def _ask(lm: BaseLM):
            return await lm("a")


        def _f(lm: BaseLM):
            lm("b")
            pending = _ask(lm)
            return asyncio.run(_ask(lm)), asyncio.run(pending), asyncio.get_event_loop().run_until_complete(_ask(lm))
        """,
        """


        async def _ask(settings: Settings, lm: BaseLM):
            return await lm(settings, "a")


        async def _f(settings: Settings, lm: BaseLM):
            await lm(settings, "b")
            pending = _ask(settings, lm)
            return await _ask(settings, lm), await pending, await _ask(settings, lm)
        """,
    )


def test_a_bridge_of_plain_code_stays() -> None:
    assert_untouched(
        """
        import asyncio


        async def _nap():
            await asyncio.sleep(1)


        if __name__ == "__main__":
            asyncio.run(_nap())
        """
    )


def test_columns_are_counted_in_characters() -> None:
    assert_converted(
        """
        def _f(lm: BaseLM, ö):
            ü = "äöü🐍", lm("ä🐍")["ö"], lm(ö).y; é = lm("x")
            return "🐍" "é", lm("é"), lm("ñ").y, ü, é
        """,
        """
        async def _f(settings: Settings, lm: BaseLM, ö):
            ü = "äöü🐍", (await lm(settings, "ä🐍"))["ö"], (await lm(settings, ö)).y; é = await lm(settings, "x")
            return "🐍" "é", await lm(settings, "é"), (await lm(settings, "ñ")).y, ü, é
        """,
    )


def test_code_that_reaches_no_coroutine_stays() -> None:
    assert_untouched(
        """
        def _f(lm: BaseLM, x ,y):
            total = lm.cost()+x [0]  # lm("a")
            return {"format" : "{}".format( y )}, total ; print("lm('a')")
        """
    )
