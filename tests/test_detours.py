"""Ways from plain code to a coroutine, each before and after, and what looks like one and is none."""

from __future__ import annotations

import ast
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codemods.detours import without_detours
from tests.support.conversion import assert_converted

PATH = "dspy/sample.py"


def written(code: str, final: tuple[str, ...] = ()) -> str:
    return without_detours({PATH: textwrap.dedent(code)}, final)[0][PATH]


def assert_written(before: str, after: str) -> None:
    assert written(before) == textwrap.dedent(after)
    # What is written needs nothing more.
    assert written(after) == textwrap.dedent(after)


def assert_left_alone(code: str) -> None:
    assert written(code) == textwrap.dedent(code)


# -- calls that run an async function --------------------------------------------------------------------------------


def test_an_async_function_that_is_run_from_a_worker_thread() -> None:
    assert_written(
        """\
        import anyio.from_thread

        def push(stream, chunk):
            log("pushed")
            anyio.from_thread.run(stream.send, chunk)
        """,
        """\
        import anyio.from_thread
        import asyncio

        def push(stream, chunk):
            log("pushed")
            asyncio.run(stream.send(chunk))
        """,
    )


@pytest.mark.parametrize(
    ("imports", "call", "ran"),
    [
        ("from anyio.from_thread import run", "run(send, 1, *rest)", "send(1, *rest)"),
        ("import anyio", "anyio.run(send)", "send()"),
        ("from asyncer import syncify", "syncify(send)(1, to=2, **more)", "send(1, to=2, **more)"),
        ("from asgiref.sync import async_to_sync as plain", "plain(a.send)(1)", "a.send(1)"),
        (
            "import functools\nimport anyio.from_thread",
            "anyio.from_thread.run(functools.partial(send, 1, to=2), 3)",
            "send(1, 3, to=2)",
        ),
        ('from lazy import require\n\nanyio = require("anyio")', "anyio.from_thread.run(send)", "send()"),
    ],
)
def test_the_ways_to_run_an_async_function(imports: str, call: str, ran: str) -> None:
    before = f"import asyncio\n{imports}\n\ndef way(rest, more):\n    return first(), {call}\n"
    assert written(before) == before.replace(call, f"asyncio.run({ran})")


@pytest.mark.parametrize(
    "code",
    [
        # Not to be known: what is run, or by whom.
        "import anyio\nanyio.run(lambda: send())\n",
        "import anyio\nanyio.run(make())\n",
        'import anyio\nanyio.run(send, backend="trio")\n',
        "import anyio\nanyio.run(*all)\n",
        "from own import syncify\nsyncify(send)(1)\n",
        "def run(anyio):\n    anyio.run(send)\n",
        # Has its form already, or makes something that is called elsewhere.
        "import asyncio\nasyncio.run(send(1))\n",
        "from asyncer import syncify\nplain = syncify(send)\n",
    ],
)
def test_other_calls_are_left_alone(code: str) -> None:
    assert_left_alone(code)


# -- functions that are a way to one coroutine -----------------------------------------------------------------------


def test_a_loop_that_runs_is_asked_for_first() -> None:
    assert_written(
        '''\
        import asyncio

        class Tool:
            def run(self, coroutine):
                """Wait for it."""
                # Outside of the `except`.
                try:
                    loop = asyncio.get_running_loop()
                except RuntimeError:
                    loop = None
                if loop is None:
                    return asyncio.run(coroutine)
                return loop.run_until_complete(coroutine)
        ''',
        '''\
        import asyncio

        class Tool:
            def run(self, coroutine):
                """Wait for it."""
                # Outside of the `except`.
                return asyncio.run(coroutine)
        ''',
    )


def test_a_thread_with_a_loop_of_its_own() -> None:
    assert_written(
        """\
        import asyncio
        import concurrent.futures
        import anyio.from_thread

        def send(stream, message):
            async def _send():
                await stream.send(message)

            try:
                asyncio.get_running_loop()

                def run_in_new_loop():
                    new_loop = asyncio.new_event_loop()
                    asyncio.set_event_loop(new_loop)
                    try:
                        return new_loop.run_until_complete(_send())
                    finally:
                        new_loop.close()

                with concurrent.futures.ThreadPoolExecutor(max_workers=1) as executor:
                    future = executor.submit(run_in_new_loop)
                    return future.result()
            except RuntimeError:
                return anyio.from_thread.run(_send)
        """,
        """\
        import asyncio
        import concurrent.futures
        import anyio.from_thread

        def send(stream, message):
            async def _send():
                await stream.send(message)

            return asyncio.run(_send())
        """,
    )


@pytest.mark.parametrize(
    "body",
    [
        # A wrapper that has a name.
        "plain = syncify(ask)\nreturn plain(x)",
        # A thread that somebody else starts, by a lambda or as the runner itself.
        "try:\n    asyncio.get_running_loop()\nexcept RuntimeError:\n    return asyncio.run(ask(x))\n"
        "return in_thread(lambda: asyncio.run(ask(x))).result()",
        "with ThreadPoolExecutor(1) as pool:\n    return pool.submit(asyncio.run, ask(x)).result()",
        "return asyncio.run_coroutine_threadsafe(ask(x), loop).result(timeout=3)",
        # A function of its own for it, that is called, or by a thread.
        "from concurrent.futures import ThreadPoolExecutor\n\ndef run():\n    return anyio.run(ask, x)\n\n"
        "try:\n    asyncio.get_running_loop()\nexcept RuntimeError:\n    return run()\n"
        "with ThreadPoolExecutor(max_workers=1) as pool:\n    return pool.submit(run).result()",
        # A loop that is made for it, or a runner.
        "try:\n    loop = asyncio.get_event_loop()\nexcept RuntimeError:\n    loop = asyncio.new_event_loop()\n"
        "    asyncio.set_event_loop(loop)\nreturn loop.run_until_complete(ask(x))",
        "with asyncio.Runner() as runner:\n    return runner.run(ask(x))",
        # A loop that is made to run within itself.
        "loop = asyncio.get_event_loop()\nif loop.is_running():\n    import nest_asyncio\n    nest_asyncio.apply()\n"
        "    return loop.run_until_complete(ask(x))\nelse:\n    return asyncio.run(ask(x))",
    ],
)
def test_other_ways(body: str) -> None:
    head = "import anyio\nimport asyncio\nfrom concurrent.futures import ThreadPoolExecutor\n"
    head += "from asyncer import syncify\n\n"
    before = f"{head}def way(x):\n{textwrap.indent(body, '    ')}\n"
    assert written(before) == f"{head}def way(x):\n    return asyncio.run(ask(x))\n"


@pytest.mark.parametrize(
    "body",
    [
        # An effect of its own.
        "loop = asyncio.get_event_loop()\ncount(x)\nreturn loop.run_until_complete(ask(x))",
        "loop = asyncio.get_event_loop()\nself.loop = loop\nreturn loop.run_until_complete(ask(x))",
        "try:\n    return asyncio.run(ask(x))\nexcept ValueError:\n    return asyncio.run(ask(x))",
        # Two coroutines, or a value beside.
        "if x:\n    return asyncio.run(ask(x))\nreturn asyncio.run(tell(x))",
        "if x:\n    return None\nreturn asyncio.get_event_loop().run_until_complete(ask(x))",
        "if x:\n    return asyncio.get_event_loop().run_until_complete(ask(x))",
        # The coroutine is made of what goes.
        "loop = asyncio.new_event_loop()\nreturn loop.run_until_complete(ask(loop))",
        # It is written as it should be, or yields.
        "return asyncio.run(ask(x))",
        "loop = asyncio.new_event_loop()\nyield 1\nreturn loop.run_until_complete(ask(x))",
        # Another's function, and another's runner.
        "def run(n):\n    return asyncio.run(ask(x))\nreturn run(1)",
        "with Runner() as runner:\n    return runner.run(ask(x))",
        # Whom the thread calls is asked for something.
        "return pool.submit(lambda n: asyncio.run(ask(n)), x).result()",
    ],
)
def test_what_is_more_than_a_way_is_left_alone(body: str) -> None:
    assert_left_alone(f"import asyncio\n\ndef way(self, x):\n{textwrap.indent(body, '    ')}\n")


TWO = """\
import asyncio
import anyio

class A:
    def run(self):
        anyio.run(send)

def run():
    anyio.run(send)

anyio.run(send)
"""
METHOD, FUNCTION, TOP = "        asyncio.run(send())", "\n    asyncio.run(send())", "\nasyncio.run(send())"


def test_code_in_its_final_form_stays() -> None:
    assert without_detours({PATH: TWO}, [PATH]) == ({PATH: TWO}, frozenset())
    new = written(TWO, ("dspy.sample:A.run", "dspy.other:run"))
    assert METHOD not in new and FUNCTION in new
    package = "dspy/sample/__init__.py"
    assert FUNCTION not in without_detours({package: TWO}, ["dspy.sample:run"])[0][package]


def test_code_that_stays_plain_keeps_its_ways_and_so_does_a_module() -> None:
    texts, changed = without_detours({PATH: TWO})
    assert changed == {"dspy.sample:A.run", "dspy.sample:run"}
    assert METHOD in texts[PATH] and FUNCTION in texts[PATH] and TOP not in texts[PATH]
    texts, changed = without_detours({PATH: TWO}, plain=["dspy.sample:run"])
    assert changed == {"dspy.sample:A.run"} and METHOD in texts[PATH] and FUNCTION not in texts[PATH]


def test_what_no_coroutine_reaches_keeps_its_way() -> None:
    """It is called where a loop may run: ``asyncio.run`` alone would be refused there."""
    assert_converted(
        """
        import asyncio
        from anyio import from_thread

        def wait_for(coroutine):
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                loop = None
            if loop is None:
                return asyncio.run(coroutine)
            return loop.run_until_complete(coroutine)

        def push(stream, chunk):
            from_thread.run(stream.send, chunk)

        def waits(lm, stream):
            def send(chunk):
                from_thread.run(stream.send, chunk)

            send(lm("a"))
        """,
        """
        import asyncio
        from anyio import from_thread

        def wait_for(coroutine):
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                loop = None
            if loop is None:
                return asyncio.run(coroutine)
            return loop.run_until_complete(coroutine)

        def push(stream, chunk):
            from_thread.run(stream.send, chunk)

        @takes_settings
        async def waits(settings: Settings, lm, stream):
            async def send(chunk):
                await stream.send(chunk)

            await send(await lm(settings, "a"))
        """,
    )


def test_a_way_becomes_a_coroutine_and_its_callers_await_it() -> None:
    assert_converted(
        """
        import asyncio

        def wait_for(coroutine):
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                loop = None
            if loop is None:
                return asyncio.run(coroutine)
            return loop.run_until_complete(coroutine)

        def answer(lm):
            result = lm("a")
            return wait_for(result) if asyncio.iscoroutine(result) else result
        """,
        """
        import asyncio

        async def wait_for(coroutine):
            return await coroutine

        @takes_settings
        async def answer(settings: Settings, lm):
            result = await lm(settings, "a")
            return await wait_for(result) if asyncio.iscoroutine(result) else result
        """,
    )


_PIECES = st.lists(
    st.sampled_from(
        [
            "anyio.run(send)",
            "x = asyncio.get_running_loop()",
            "return asyncio.run(ask(x))",
            "return x.run_until_complete(ask(x))",
            "try:\n    return asyncio.run(ask(x))\nexcept RuntimeError:\n    return syncify(ask)(x)",
            "def inner():\n    return asyncio.run(ask(x))\nreturn pool.submit(inner).result()",
            "with pool() as p:\n    return p.submit(asyncio.run, ask(x)).result()",
            "count('é', x)",
        ]
    ),
    min_size=1,
    max_size=5,
)


@given(_PIECES)
def test_valid_code_stays_valid_and_a_second_time_changes_nothing(pieces: list[str]) -> None:
    body = textwrap.indent("\n".join(pieces), "    ")
    code = f"import asyncio\nimport anyio\nfrom asyncer import syncify\n\ndef way(x):\n{body}\n"
    once = written(code)
    ast.parse(once)
    assert written(once) == once
