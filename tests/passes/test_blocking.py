"""Calls that block the loop: an awaitable counterpart or a worker thread, in coroutines and nowhere else."""

from __future__ import annotations

import pytest

from codemods.stages import RuleUse
from tests.support.conversion import assert_converted, convert_toy, toy_files


@pytest.mark.parametrize(
    ("imports", "before", "imports_after", "after"),
    [
        ("import time", "time.sleep(1)", "import asyncio", "await asyncio.sleep(1)"),
        ("import time as clock", "clock.sleep(1)", "import asyncio", "await asyncio.sleep(1)"),
        ("from time import sleep", "sleep(1)", "import asyncio", "await asyncio.sleep(1)"),
        (
            "from time import sleep as nap",
            "nap(lm('a'))",
            "import asyncio",
            "await asyncio.sleep(await lm(settings, 'a'))",
        ),
        (
            "import requests",
            "requests.get()",
            "import asyncio\n\nimport requests",
            "await asyncio.to_thread(requests.get)",
        ),
        (
            "import requests",
            "requests.get('u', timeout=3).json()",
            "import asyncio\n\nimport requests",
            "(await asyncio.to_thread(requests.get, 'u', timeout=3)).json()",
        ),
        (
            "from requests import get",
            "get('u')['a']",
            "import asyncio\n\nfrom requests import get",
            "(await asyncio.to_thread(get, 'u'))['a']",
        ),
    ],
)
def test_in_coroutines(imports: str, before: str, imports_after: str, after: str) -> None:
    common = "from dspy.dsp.utils.settings import Settings"
    assert_converted(
        f"{imports}\n{common}\n\n\ndef _f(lm):\n    lm(0)\n    return {before}\n",
        f"{imports_after}\n{common}\n\n\nasync def _f(settings: Settings, lm):\n"
        f"    await lm(settings, 0)\n    return {after}\n",
        header=False,
    )


def test_in_plain_functions_and_at_the_top_they_stay() -> None:
    assert_converted(
        """
        import asyncio
        import time

        time.sleep(1)


        def _plain():
            time.sleep(settings.pause)


        def _f(lm: BaseLM):
            time.sleep(2)
            return lm(time.time())
        """,
        """
        import asyncio
        import time

        time.sleep(1)


        def _plain(settings: Settings):
            time.sleep(settings.pause)


        async def _f(settings: Settings, lm: BaseLM):
            await asyncio.sleep(2)
            return await lm(settings, time.time())
        """,
    )


def test_in_a_plain_function_that_a_coroutine_calls() -> None:
    assert_converted(
        """
        import asyncio
        import time


        def _nap():
            time.sleep(2)


        def _f(lm: BaseLM):
            _nap()
            return lm("a")
        """,
        """
        import asyncio


        async def _nap():
            await asyncio.sleep(2)


        async def _f(settings: Settings, lm: BaseLM):
            await _nap()
            return await lm(settings, "a")
        """,
    )


def test_what_blocks_in_methods_through_bridges_and_where_it_cannot_wait() -> None:
    assert_converted(
        """
        import asyncio
        import time


        class Oven:
            @property
            def heat(self):
                return self._heat()

            def _heat(self):
                time.sleep(2)

            def cool(self):
                asyncio.run(asyncio.sleep(2))

            def unused(self):
                time.sleep(1)


        def _f(lm: BaseLM):
            oven = Oven()
            oven._heat()
            oven.cool()
            return lm("a")
        """,
        """
        import asyncio
        import time


        class Oven:
            @property
            def heat(self):
                return self._heat()

            async def _heat(self):
                await asyncio.sleep(2)

            async def cool(self):
                await asyncio.sleep(2)

            def unused(self):
                time.sleep(1)


        async def _f(settings: Settings, lm: BaseLM):
            oven = Oven()
            await oven._heat()
            await oven.cool()
            return await lm(settings, "a")
        """,
        findings=[
            "8: wall-coroutine: dspy.sample:Oven.heat cannot be a coroutine",
            "8: wall-coroutine: cannot be awaited here",
        ],
        again=False,
    )


def test_a_call_over_several_lines_keeps_its_comments() -> None:
    assert_converted(
        """
        import asyncio
        import time

        import requests


        def _f(lm: BaseLM):
            time.sleep(
                2,  # a comment
            )
            page = requests.get(
                "u",  # where
                timeout=3,
            )
            return lm(page, time.time())
        """,
        """
        import asyncio
        import time

        import requests


        async def _f(settings: Settings, lm: BaseLM):
            await asyncio.sleep(
                2,  # a comment
            )
            page = await asyncio.to_thread(
                requests.get, "u",  # where
                timeout=3,
            )
            return await lm(settings, page, time.time())
        """,
    )


def test_uses_are_counted() -> None:
    code = "import time\n\n\ndef _f(lm: BaseLM):\n    time.sleep(1)\n    time.sleep(2)\n    return lm('a')\n"
    assert RuleUse("blocking:time.sleep", "any", 2) in convert_toy(toy_files(code)).rules
