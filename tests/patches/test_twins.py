"""Methods with two names."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace


def test_whichever_name_is_defined_the_other_follows(runtime: SimpleNamespace) -> None:
    class Base(runtime.twins.TwinNames):
        def __call__(self):
            return "base"

        acall = __call__

    class OnlyAsync(Base):
        def acall(self):
            return "acall"

        def aforward(self):
            return "aforward"

    class OnlySync(OnlyAsync):
        def forward(self):
            return "forward"

    class Both(Base):
        def forward(self):
            return 1

        def aforward(self):
            return 2

    class Neither(OnlySync): ...

    assert Base()() == Base().acall() == "base"
    assert OnlyAsync()() == OnlyAsync().acall() == "acall"
    assert OnlyAsync().forward() == "aforward"
    assert OnlySync().aforward() == OnlySync().forward() == "forward"
    assert OnlySync()() == "acall"
    assert (Both().forward(), Both().aforward()) == (1, 2)
    assert Neither().aforward() == "forward"
    assert not hasattr(Base(), "forward")


def test_a_mixin_counts(runtime: SimpleNamespace) -> None:
    class Mixin:
        def forward(self):
            return "mixin"

    class Base(runtime.twins.TwinNames):
        def forward(self):
            return "base"

        aforward = forward

    class Program(Mixin, Base): ...

    assert Program().aforward() == Program().forward() == "mixin"


def test_the_pairs(runtime: SimpleNamespace) -> None:
    class Interpreter(runtime.twins.TwinNames):
        def execute(self):
            return 1

    assert Interpreter().aexecute() == 1


def test_names_that_are_set_together(runtime: SimpleNamespace) -> None:
    class Base(runtime.twins.TwinNames):
        def forward(self):
            return 1

    class Both(Base):
        def forward(self):
            return 2

        def aforward(self):
            return 3

    together = runtime.twins.names_together
    assert together(Base, "aforward") == ("aforward", "forward")
    assert together(Base, "acall") == ("acall", "__call__")
    assert together(Both, "forward") == ("forward",)
    assert together(Both, "name") == ("name",)


def test_one_function_under_two_names_in_a_class_of_the_package(runtime: SimpleNamespace) -> None:
    class Base(runtime.twins.TwinNames):
        __module__ = "dspy.somewhere"

        def _ask(self):
            return "base"

        _aask = _ask

    class Mine(Base):
        def _aask(self):
            return "mine"

        def own(self):
            return 1

        alias = own

    class Below(Mine):
        def alias(self):
            return 2

    assert Mine()._ask() == "mine"
    # What a user calls twice is the user's affair.
    assert (Below().own(), Below().alias()) == (1, 2)
    assert runtime.twins.names_together(Base, "_ask") == ("_ask", "_aask")
    assert runtime.twins.names_together(Below, "own") == ("own",)


def test_of_a_plain_one_and_a_coroutine_function_settings_choose(runtime: SimpleNamespace) -> None:
    class Both(runtime.twins.TwinNames):
        def forward(self, x):
            return f"plain {x}"

        async def aforward(self, settings, x):
            return f"async {x}"

        def execute(self, settings):
            return "own"

        async def aexecute(self, settings):
            return "own too"

    settings = runtime.Settings()
    assert Both().forward("x") == "plain x"
    assert asyncio.run(Both().forward(settings, "x")) == "async x"
    assert runtime.supplied.takes_settings_after_self(Both.forward)
    # The package calls no method of that name.
    assert Both().execute(settings) == "own"
