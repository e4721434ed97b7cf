"""Methods with two names."""

from __future__ import annotations

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
