"""What users supply is handed settings where it takes them, and awaited where it returns an awaitable."""

from __future__ import annotations

import pytest

from tests.support.conversion import assert_converted, assert_untouched


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("metric(x)", "await ready(bind(metric, settings)(x))"),
        ("metric(x, y=1)", "await ready(bind(metric, settings)(x, y=1))"),
        ("metric(*x, **y)", "await ready(bind(metric, settings)(*x, **y))"),
        ("metric(z for z in x)", "await ready(bind(metric, settings)(z for z in x))"),
        ("metric(x).score", "(await ready(bind(metric, settings)(x))).score"),
        ("metric(x)[0]", "(await ready(bind(metric, settings)(x)))[0]"),
        ("metric(x) > 0.5", "await ready(bind(metric, settings)(x)) > 0.5"),
        ("not metric(x)", "not await ready(bind(metric, settings)(x))"),
        ("float(metric(x))", "float(await ready(bind(metric, settings)(x)))"),
        ("[metric(z) for z in x]", "[await ready(bind(metric, settings)(z)) for z in x]"),
        ("sum(metric(z) for z in x)", "sum([await ready(bind(metric, settings)(z)) for z in x])"),
        ("metric(metric(x))", "await ready(bind(metric, settings)(await ready(bind(metric, settings)(x))))"),
    ],
)
def test_a_parameter(before: str, after: str) -> None:
    assert_converted(
        f"def _f(metric, x, y):\n    return {before}\n",
        f"async def _f(settings: Settings, metric, x, y):\n    return {after}\n",
    )


def test_attributes_variables_elements_and_settings() -> None:
    assert_converted(
        """
        class Judge:
            def __init__(self, metric=None, tools=()):
                self.metric = metric
                self.tools = tools

            def _score(self, x, name):
                if self.metric:
                    first = self.metric(
                        x,  # a comment
                        trace=None,
                    ).score
                for reward in self.rewards():
                    reward(x)
                return first, self.tools[name](x)

            def rewards(self):
                return []
        """,
        """
        class Judge:
            def __init__(self, metric=None, tools=()):
                self.metric = metric
                self.tools = tools

            async def _score(self, settings: Settings, x, name):
                if self.metric:
                    first = (await ready(bind(self.metric, settings)(
                        x,  # a comment
                        trace=None,
                    ))).score
                for reward in self.rewards():
                    await ready(bind(reward, settings)(x))
                return first, await ready(bind(self.tools[name], settings)(x))

            def rewards(self):
                return []
        """,
    )


def test_a_value_of_settings() -> None:
    assert_converted(
        """
        def _f():
            return settings.rm("a"), settings["rm"]("b")
        """,
        """
        async def _f(settings: Settings):
            return await ready(bind(settings.rm, settings)("a")), await ready(bind(settings["rm"], settings)("b"))
        """,
    )


def test_in_a_context_it_is_handed_the_child() -> None:
    assert_converted(
        """
        def _f(metric):
            with dspy.context(a=1):
                return metric(1)
        """,
        """
        async def _f(settings: Settings, metric):
            with settings.context(a=1) as inner_settings:
                return await ready(bind(metric, inner_settings)(1))
        """,
    )


def test_what_is_known_is_called_as_what_it_is() -> None:
    """An annotation, or a function of the package, says more than a name."""
    assert_converted(
        """
        def _score(x):
            return settings.lm(x)


        def _f(metric: BaseLM, reward: str, factory, x):
            return metric(x), reward.upper(), factory(x)


        def _g(x):
            metric = _score
            return metric(x)
        """,
        """
        async def _score(settings: Settings, x):
            return await settings.lm(settings, x)


        async def _f(settings: Settings, metric: BaseLM, reward: str, factory, x):
            return await metric(settings, x), reward.upper(), factory(x)


        async def _g(settings: Settings, x):
            metric = _score
            return await metric(settings, x)
        """,
    )


def test_a_callable_annotation_does_not_say_what_it_is() -> None:
    assert_converted(
        """
        from collections.abc import Callable


        def _f(metric: Callable, reward: "Callable[[int], float] | None" = None):
            return metric(1), reward(2)
        """,
        """
        from collections.abc import Callable


        async def _f(settings: Settings, metric: Callable, reward: "Callable[[int], float] | None" = None):
            return await ready(bind(metric, settings)(1)), await ready(bind(reward, settings)(2))
        """,
    )


def test_the_source_awaited_it_already() -> None:
    assert_converted(
        """
        async def _f(metric):
            return await metric(1)
        """,
        """
        async def _f(settings: Settings, metric):
            return await ready(bind(metric, settings)(1))
        """,
    )


def test_the_converted_form_is_left_alone() -> None:
    assert_untouched(
        """
        async def _f(settings: Settings, metric):
            return await ready(bind(metric, settings)(1))
        """
    )


def test_where_it_cannot_be_awaited() -> None:
    assert_untouched(
        """
        class Judge:
            def __init__(self, metric):
                self.first = metric(1)
        """,
        findings=[
            "3: wall-coroutine: metric(...) is the user's",
            "3: wall-coroutine: dspy.sample:Judge.__init__ cannot be a coroutine: calls what a user supplies (metric)",
            "3: wall-settings: dspy.sample:Judge.__init__ cannot take settings",
        ],
    )


@pytest.mark.parametrize(
    ("code", "after"),
    [
        (
            "def _f(metric, ready):\n    return metric(ready)\n",
            "async def _f(settings: Settings, metric, ready):\n"
            "    return await supplied.ready(supplied.bind(metric, settings)(ready))\n",
        ),
        (
            "def _f(metric):\n    bind = 1\n    return metric(bind)\n",
            "async def _f(settings: Settings, metric):\n    bind = 1\n"
            "    return await supplied.ready(supplied.bind(metric, settings)(bind))\n",
        ),
        (
            "def ready(x):\n    return x\n\n\ndef _f(metric):\n    return metric(ready(1))\n",
            "def ready(x):\n    return x\n\n\nasync def _f(settings: Settings, metric):\n"
            "    return await supplied.ready(supplied.bind(metric, settings)(ready(1)))\n",
        ),
    ],
)
def test_a_helper_s_name_is_used_for_something_else(code: str, after: str) -> None:
    imports = "from dspy.dsp.utils.settings import Settings\nfrom dspy.utils import supplied\n"
    assert_converted(code, imports + after, header=False)


def test_tools_of_a_user_beside_those_of_the_library() -> None:
    """What the library puts among them says nothing of the others."""
    assert_converted(
        """
        class Sandbox:
            def __init__(self, tools: dict[str, Callable[..., str]] | None = None):
                self.tools = dict(tools) if tools else {}

            def _call(self, name, x):
                return self.tools[name](x)


        def _ask(lm: BaseLM, sandbox: Sandbox):
            def asked(x):
                return lm(x)

            sandbox.tools.update({"ask": asked})
        """,
        """
        class Sandbox:
            def __init__(self, tools: dict[str, Callable[..., str]] | None = None):
                self.tools = dict(tools) if tools else {}

            async def _call(self, settings: Settings, name, x):
                return await ready(bind(self.tools[name], settings)(x))


        def _ask(lm: BaseLM, sandbox: Sandbox):
            async def asked(settings: Settings, x):
                return await lm(settings, x)

            sandbox.tools.update({"ask": asked})
        """,
    )
