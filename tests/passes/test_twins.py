"""A function that is written twice, sync and async, becomes one under the sync name; the other name stays."""

from __future__ import annotations

import ast

import pytest

from codemods.passes.twins import async_names, find_twins, merge_twins
from tests.support.conversion import assert_converted, assert_untouched, convert_toy, dedent, toy_files


def test_equal_twins_keep_the_sync_text() -> None:
    assert_converted(
        '''
        class Shop:
            # about the sync one
            def sell(self, what: str, *, deep: bool = False) -> str:
                """Sells."""
                # a sync comment
                x = self._pay(what)
                print("use shop.sell() here")
                return x

            # about the async one
            async def asell(self, what, *, deep=False):
                """Sells, later."""
                # an async comment
                x = await self._apay(what)
                print("use shop.asell() here")
                return x

            def _pay(self, x):
                return settings.lm(x).text

            async def _apay(self, x):
                return (await settings.lm(x)).text

            # about y
            y = 2
        ''',
        '''
        class Shop:
            # about the sync one
            @takes_settings
            async def sell(self, settings: Settings, what: str, *, deep: bool = False) -> str:
                """Sells."""
                # a sync comment
                x = await self._pay(settings, what)
                print("use shop.sell() here")
                return x

            asell = sell

            async def _pay(self, settings: Settings, x):
                return (await settings.lm(settings, x)).text

            _apay = _pay

            # about y
            y = 2
        ''',
    )


def test_where_they_differ_the_async_body_wins_under_the_sync_docstring() -> None:
    assert_converted(
        '''
        class Shop:
            def sell(self, what: str) -> str:
                """Sells."""
                return settings.lm(what)

            async def asell(self, what):
                """Sells, later."""
                # an async comment
                result = await settings.lm(what)
                return result.text

            def give(self, what):
                return what

            async def agive(self, what):
                """Gives."""
                return await settings.lm(what)
        ''',
        '''
        class Shop:
            @takes_settings
            async def sell(self, settings: Settings, what: str) -> str:
                """Sells."""
                # an async comment
                result = await settings.lm(settings, what)
                return result.text

            asell = sell

            @takes_settings
            async def give(self, settings: Settings, what):
                """Gives."""
                return await settings.lm(settings, what)

            agive = give
        ''',
    )


@pytest.mark.parametrize(
    ("sync", "asynchronous", "after"),
    [
        ("settings.lm(x).a", "self.sell(x)", "(await settings.lm(settings, x)).a"),
        ("settings.lm(x).a", "await self.sell(x)", "(await settings.lm(settings, x)).a"),
        ("run(self.asell(x))", "(await settings.lm(x)).b", "(await settings.lm(settings, x)).b"),
    ],
)
def test_delegating_either_way(sync: str, asynchronous: str, after: str) -> None:
    """A body that only calls its twin is none."""
    assert_converted(
        f"class Shop:\n    def sell(self, x):\n        return {sync}\n\n"
        f"    async def asell(self, x):\n        return {asynchronous}\n\n\ndef run(x):\n    return x\n",
        "class Shop:\n    @takes_settings\n    async def sell(self, settings: Settings, x):\n"
        f"        return {after}\n\n"
        "    asell = sell\n\n\ndef run(x):\n    return x\n",
    )


@pytest.mark.parametrize(
    "asynchronous",
    ["await asyncio.to_thread(self.sell, x)", "await asyncio.get_running_loop().run_in_executor(None, self.sell, x)"],
)
def test_delegating_to_a_worker_thread(asynchronous: str) -> None:
    code = "import asyncio\n\n\nclass Shop:\n    def sell(self, x):\n        return settings.lm(x)\n\n"
    found = convert_toy(toy_files(f"{code}    async def asell(self, x):\n        return {asynchronous}\n"))
    assert "return await settings.lm(settings, x)" in found.files["dspy/sample.py"]


def test_call_and_forward_and_what_links_their_names_in_subclasses() -> None:
    assert_converted(
        """
        class Shop:
            def __call__(self, x):
                return self.forward(x)

            async def acall(self, x):
                return await self.aforward(x)

            def forward(self, x):
                return settings.lm(x)

            async def aforward(self, x):
                return await settings.lm(x)


        class Corner(Shop):
            def forward(self, x):
                return super().forward(x)

            async def aforward(self, x):
                return await super().aforward(x)
        """,
        """
        class Shop(TwinNames):
            @takes_settings
            async def __call__(self, settings: Settings, x):
                return await self.forward(settings, x)

            acall = __call__

            @takes_settings
            async def forward(self, settings: Settings, x):
                return await settings.lm(settings, x)

            aforward = forward


        class Corner(Shop):
            @takes_settings
            async def forward(self, settings: Settings, x):
                return await super().forward(settings, x)

            aforward = forward
        """,
    )


def test_the_base_that_links_names_is_imported() -> None:
    assert_converted(
        "class Shop:\n    def forward(self):\n        return 1\n\n    async def aforward(self):\n        return 1\n",
        "from dspy.utils.twins import TwinNames\nclass Shop(TwinNames):\n"
        "    async def forward(self):\n        return 1\n\n    aforward = forward\n",
        header=False,
    )


@pytest.mark.parametrize(
    ("bases", "after"),
    [
        ("(metaclass=type)", "(TwinNames, metaclass=type)"),
        ("(Module)", "(Module, TwinNames)"),
        ("(Module, metaclass=type)", "(Module, TwinNames, metaclass=type)"),
        ("(pydantic.BaseModel)", "(pydantic.BaseModel)"),
        ("(object)", "(TwinNames, object)"),
    ],
)
def test_bases_beside_it(bases: str, after: str) -> None:
    assert_converted(
        f"import pydantic\n\n\nclass Shop{bases}:\n    def forward(self):\n        return 1\n\n"
        "    async def aforward(self):\n        return 1\n",
        f"import pydantic\n\n\nclass Shop{after}:\n    {'@takes_settings' if 'Module' in bases else ''}\n".replace(
            "    \n", ""
        )
        + f"    async def forward(self{', settings: Settings' if 'Module' in bases else ''}):\n        return 1\n\n"
        "    aforward = forward\n",
    )


def test_module_level_static_and_decorated_twins() -> None:
    assert_converted(
        """
        def shop_sell(x):
            return settings.lm(x).sync


        async def ashop_sell(x):
            return (await settings.lm(x)).later


        def _give(x):
            return shop_sell(x)


        async def _agive(x):
            return await ashop_sell(x)


        class Shop:
            @staticmethod
            def sell(x):
                return shop_sell(x)

            @staticmethod
            async def sell_async(x):
                return await ashop_sell(x)

            @with_callbacks
            def give(self, x):
                return _give(x)

            @with_callbacks
            async def async_give(self, x):
                return await _agive(x)
        """,
        """
        @takes_settings
        async def shop_sell(settings: Settings, x):
            return (await settings.lm(settings, x)).later

        ashop_sell = shop_sell


        async def _give(settings: Settings, x):
            return await shop_sell(settings, x)

        _agive = _give


        class Shop:
            @staticmethod
            @takes_settings
            async def sell(settings: Settings, x):
                return await shop_sell(settings, x)

            sell_async = sell

            @with_callbacks
            async def give(self, settings: Settings, x):
                return await _give(settings, x)

            async_give = give
        """,
    )


def test_the_winning_body_calls_by_the_names_that_stay() -> None:
    """`x.acall(...)` is `x(...)`; `super().__call__(...)` has no shorter form."""
    assert_converted(
        """
        class Shop:
            def __call__(self, x):
                return settings.lm(x)

            async def acall(self, x):
                return (await settings.lm(x)).text


        class Corner(Shop):
            def __call__(self, x):
                return super().__call__(x)

            async def acall(self, x):
                other = Shop()
                first = await other.acall(x)
                return first or await super().acall(x)
        """,
        """
        class Shop(TwinNames):
            @takes_settings
            async def __call__(self, settings: Settings, x):
                return (await settings.lm(settings, x)).text

            acall = __call__


        class Corner(Shop):
            @takes_settings
            async def __call__(self, settings: Settings, x):
                other = Shop()
                first = await other(settings, x)
                return first or await super().__call__(settings, x)

            acall = __call__
        """,
    )


def test_what_is_no_pair() -> None:
    """Other parameters, other decorators, both async, or in different scopes."""
    assert_untouched(
        """
        class Shop:
            def sell(self, x):
                return 1

            async def asell(self, x, y):
                return 2

            @property
            def size(self):
                return 1

            async def asize(self):
                return 1

            async def give(self):
                return 1

            async def agive(self):
                return 1

            def take(self):
                return 1

        async def atake(self):
            return 1
        """
    )


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("__call__", ["acall"]),
        ("__enter__", []),
        ("forward", ["aforward", "async_forward", "forward_async"]),
        ("_call_lm", ["_acall_lm", "_call_alm", "_async_call_lm", "_call_lm_async"]),
        (
            "litellm_completion",
            ["alitellm_completion", "litellm_acompletion", "async_litellm_completion", "litellm_completion_async"],
        ),
    ],
)
def test_names_that_an_async_twin_may_have(name: str, found: list[str]) -> None:
    assert async_names(name) == found


def test_pairs_and_verdicts() -> None:
    code = dedent(
        """
        def sell(x):
            return give(x)


        async def asell(x):
            return await agive(x)


        class Shop:
            class Inner:
                def give(self):
                    return self.sell()

                async def agive(self):
                    return await self.sell()

                def take(self):
                    return 1

                async def atake(self):
                    return self.take()
        """
    )
    assert [(t.scope, t.name, t.async_name, t.line, t.async_line) for t in find_twins("a.py", ast.parse(code))] == [
        ("", "sell", "asell", 1, 5),
        ("Shop.Inner.", "give", "agive", 11, 14),
        ("Shop.Inner.", "take", "atake", 17, 20),
    ]
    assert [twin.verdict for twin in merge_twins({"a.py": code})[1]] == ["equal", "equal", "sync body"]


def test_files_without_twins_come_back_as_they_are() -> None:
    files = {"a.py": "def f( x ):\n\treturn x", "b.txt": "def f(): async"}
    assert merge_twins(files) == (files, [])


def test_an_override_of_the_async_name_alone() -> None:
    assert_converted(
        """
        class Shop:
            def forward(self, x):
                return settings.lm(x)

            async def aforward(self, x):
                return await settings.lm(x)


        class Corner(Shop):
            async def aforward(self, x):
                return x
        """,
        """
        class Shop(TwinNames):
            @takes_settings
            async def forward(self, settings: Settings, x):
                return await settings.lm(settings, x)

            aforward = forward


        class Corner(Shop):
            @takes_settings
            async def aforward(self, settings: Settings, x):
                return x
        """,
    )


def test_an_object_that_has_the_async_name_only() -> None:
    assert_converted(
        """
        class Store:
            async def asell(self, x):
                return await settings.lm(x)


        class Shop:
            def __init__(self):
                self.store = Store()

            def sell(self, x):
                return settings.lm(x)

            async def asell(self, x):
                print(x)
                return await self.store.asell(x)
        """,
        """
        class Store:
            @takes_settings
            async def asell(self, settings: Settings, x):
                return await settings.lm(settings, x)


        class Shop:
            def __init__(self):
                self.store = Store()

            @takes_settings
            async def sell(self, settings: Settings, x):
                print(x)
                return await self.store.asell(settings, x)

            asell = sell
        """,
    )


def test_imports_of_the_body_that_went() -> None:
    assert_converted(
        """
        import json


        def sell(x):
            return json.loads(x)


        async def asell(x):
            return await settings.lm(x)
        """,
        """


        @takes_settings
        async def sell(settings: Settings, x):
            return await settings.lm(settings, x)

        asell = sell
        """,
    )
