"""`settings` comes first after the receiver: positional-only beside `**kwargs`, checked in public coroutines."""

from __future__ import annotations

import pytest

from tests.support.conversion import assert_converted, assert_untouched


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("()", "(settings: Settings)"),
        ("(a)", "(settings: Settings, a)"),
        ("( a )", "( settings: Settings, a )"),
        ("(a, b=1)", "(settings: Settings, a, b=1)"),
        ("(a: int = 1)", "(settings: Settings, a: int = 1)"),
        ("(a, *, b)", "(settings: Settings, a, *, b)"),
        ("(*, b)", "(settings: Settings, *, b)"),
        ("(*xs)", "(settings: Settings, *xs)"),
        ("(a, *xs, b)", "(settings: Settings, a, *xs, b)"),
        ("(a, /)", "(settings: Settings, a, /)"),
        ("(a, /, b)", "(settings: Settings, a, /, b)"),
        ("(a, /, *, b)", "(settings: Settings, a, /, *, b)"),
        ("(a, /, b, **options)", "(settings: Settings, a, /, b, **options)"),
        ("(**options)", "(settings: Settings, /, **options)"),
        ("(a, **options)", "(settings: Settings, /, a, **options)"),
        ("(a=1, **options)", "(settings: Settings, /, a=1, **options)"),
        ("(*xs, **options)", "(settings: Settings, /, *xs, **options)"),
        ("(*, b, **options)", "(settings: Settings, /, *, b, **options)"),
        ("(a, *xs, b=1, **options)", "(settings: Settings, /, a, *xs, b=1, **options)"),
    ],
)
def test_functions(before: str, after: str) -> None:
    assert_converted(
        f"def _f{before} -> int:\n    return settings.limit\n",
        f"def _f{after} -> int:\n    return settings.limit\n",
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("(self)", "(self, settings: Settings)"),
        ("(self, a)", "(self, settings: Settings, a)"),
        ("(self, *xs)", "(self, settings: Settings, *xs)"),
        ("(self, *, b)", "(self, settings: Settings, *, b)"),
        ("(self, /, a)", "(self, settings: Settings, /, a)"),
        ("(self, a, /, b)", "(self, settings: Settings, a, /, b)"),
        ("(self, **options)", "(self, settings: Settings, /, **options)"),
        ("(self, a=1, **options)", "(self, settings: Settings, /, a=1, **options)"),
        ("(self, *xs, **options)", "(self, settings: Settings, /, *xs, **options)"),
    ],
)
def test_methods(before: str, after: str) -> None:
    assert_converted(
        f"class Shop:\n    def _f{before}:\n        return settings.limit\n",
        f"class Shop:\n    def _f{after}:\n        return settings.limit\n",
    )


def test_class_methods_and_static_methods() -> None:
    assert_converted(
        """
        class Shop:
            @classmethod
            def _c(cls, a):
                return settings.limit

            @staticmethod
            def _s(a):
                return settings.limit

            @staticmethod
            def _t(self):
                return settings.limit
        """,
        """
        class Shop:
            @classmethod
            def _c(cls, settings: Settings, a):
                return settings.limit

            @staticmethod
            def _s(settings: Settings, a):
                return settings.limit

            @staticmethod
            def _t(settings: Settings, self):
                return settings.limit
        """,
    )


@pytest.mark.parametrize(
    ("decorator", "receiver"), [("", "this"), ("    @classmethod\n", "klass"), ("    @classmethod\n", "mcs")]
)
def test_a_receiver_of_another_name(decorator: str, receiver: str) -> None:
    code = f"class Shop:\n{decorator}    def _f({receiver}{{}}, a):\n        return settings.limit\n"
    assert_converted(code.format(""), code.format(", settings: Settings"))


def test_a_function_that_is_written_as_a_method_takes_settings_after_the_object() -> None:
    assert_converted(
        """
        def _describe(self, a):
            return settings.limit


        def _f(x):
            return _describe(x, 1)
        """,
        """
        def _describe(self, settings: Settings, a):
            return settings.limit


        def _f(settings: Settings, x):
            return _describe(x, settings, 1)
        """,
    )


def test_parameters_over_several_lines() -> None:
    assert_converted(
        """
        class Shop:
            def _a(
                self,
                a: int,  # first
                b: str = "x",
            ) -> str:
                return settings.limit

            def _b(
                self, a: int, b: str = "x",
                **options,
            ) -> str:
                # a comment
                return settings.limit

            def _c(
                self,
                **options
            ):
                return settings.limit


        def _d(
            a,
            b
        ):
            return settings.limit


        def _f(a,
               b):
            return settings.limit
        """,
        """
        class Shop:
            def _a(
                self,
                settings: Settings,
                a: int,  # first
                b: str = "x",
            ) -> str:
                return settings.limit

            def _b(
                self, settings: Settings, /, a: int, b: str = "x",
                **options,
            ) -> str:
                # a comment
                return settings.limit

            def _c(
                self,
                settings: Settings,
                /,
                **options
            ):
                return settings.limit


        def _d(
            settings: Settings,
            a,
            b
        ):
            return settings.limit


        def _f(settings: Settings,
               a,
               b):
            return settings.limit
        """,
    )


def test_a_single_parameter_with_a_line_of_its_own() -> None:
    assert_converted(
        """
        def _f(
            # ahead
            a,
        ):
            return settings.limit
        """,
        """
        def _f(
            # ahead
            settings: Settings,
            a,
        ):
            return settings.limit
        """,
    )


def test_a_comment_after_the_receiver_stands_once() -> None:
    assert_converted(
        """
        class Shop:
            def _f(
                self,
                # how many
                a: int,
            ):
                return settings.limit
        """,
        """
        class Shop:
            def _f(
                self,
                settings: Settings,
                # how many
                a: int,
            ):
                return settings.limit
        """,
    )


def test_a_receiver_alone_on_its_line() -> None:
    assert_converted(
        """
        class Shop:
            def _f(
                self
            ):
                return settings.limit
        """,
        """
        class Shop:
            def _f(
                self,
                settings: Settings
            ):
                return settings.limit
        """,
    )


def test_public_coroutines_check_their_settings() -> None:
    assert_converted(
        """
        def ask(lm: BaseLM):
            return lm("a")


        def trace():
            return settings.trace


        class Shop:
            def __call__(self):
                return settings.lm("a")

            @classmethod
            def make(cls):
                return settings.lm("b")

            @with_callbacks
            def bake(self):
                return settings.lm("c")

            def stream(self):
                yield settings.lm("d")

            def _hidden(self):
                def nested():
                    return settings.lm("e")

                return nested()


        class _Hidden:
            def ask(self):
                return settings.lm("f")
        """,
        """
        @takes_settings
        async def ask(settings: Settings, lm: BaseLM):
            return await lm(settings, "a")


        def trace(settings: Settings):
            return settings.trace


        class Shop:
            @takes_settings
            async def __call__(self, settings: Settings):
                return await settings.lm(settings, "a")

            @classmethod
            @takes_settings
            async def make(cls, settings: Settings):
                return await settings.lm(settings, "b")

            @with_callbacks
            async def bake(self, settings: Settings):
                return await settings.lm(settings, "c")

            async def stream(self, settings: Settings):
                yield await settings.lm(settings, "d")

            async def _hidden(self, settings: Settings):
                async def nested(settings: Settings):
                    return await settings.lm(settings, "e")

                return await nested(settings)


        class _Hidden:
            async def ask(self, settings: Settings):
                return await settings.lm(settings, "f")
        """,
    )


def test_handlers_of_callbacks_take_settings_before_what_they_are_told() -> None:
    assert_converted(
        """
        class Loud(BaseCallback):
            def on_start(self, call_id, inputs):
                print(call_id)

            def on_end(self, call_id, outputs=None, exception=None):
                print(call_id)

            def on_odd(self, call_id):
                print(call_id)

            def other(self, inputs):
                print(inputs)
        """,
        """
        class Loud(BaseCallback):
            async def on_start(self, call_id, settings: Settings, inputs):
                print(call_id)

            async def on_end(self, call_id, settings: Settings, outputs=None, exception=None):
                print(call_id)

            async def on_odd(self, settings: Settings, call_id):
                print(call_id)

            def other(self, inputs):
                print(inputs)
        """,
    )


def test_a_handler_that_takes_anything() -> None:
    assert_converted(
        """
        class Loud(BaseCallback):
            def on_start(self, **kwargs):
                print(kwargs)
        """,
        """
        class Loud(BaseCallback):
            async def on_start(self, settings: Settings, **kwargs):
                print(kwargs)
        """,
    )


def test_a_nested_function_that_stays_plain_closes_over_settings() -> None:
    assert_converted(
        """
        def _f(xs):
            def deeper():
                def deepest():
                    return settings.trace

                return deepest()

            class Local:
                def method(self):
                    return settings.limit

            return deeper(), sorted(xs, key=lambda x: settings.order[x]), Local().method()
        """,
        """
        def _f(settings: Settings, xs):
            def deeper():
                def deepest():
                    return settings.trace

                return deepest()

            class Local:
                def method(self, settings: Settings):
                    return settings.limit

            return deeper(), sorted(xs, key=lambda x: settings.order[x]), Local().method(settings)
        """,
    )


def test_functions_that_take_settings_already() -> None:
    assert_untouched(
        """
        async def ask(settings: Settings, lm: BaseLM):
            return await lm(settings, "a")


        class Shop:
            async def sell(self, settings, what, **options):
                return await settings.lm(settings, what)

            async def give(self, what, settings: Settings):
                return await settings.lm(settings, what)
        """
    )
