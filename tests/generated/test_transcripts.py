"""For every public module and optimizer there is a program whose requests and results are compared with upstream's.

The programs are those of `test_same_messages.py` and of the two `test_same_as_upstream.py`, which make the comparison.
Here it is seen which classes they run.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import io
from collections.abc import Callable, Mapping
from typing import Any

import dspy
import dspy.evaluate
import dspy.teleprompt
import pytest
from dspy.teleprompt.teleprompt import Teleprompter
from dspy.utils.callback import BaseCallback

from tests.generated import programs
from tests.generated.interpreters import programs as interpreters
from tests.generated.optimizers import programs as optimizers
from tests.generated.sides import AsyncSide

COMPARED = [program for each in (programs, optimizers, interpreters) for program in each.PROGRAMS.values()]
ROLES = (dspy.Module, Teleprompter)
WITHOUT: dict[str, str] = {
    "Module": "the base class, which does nothing by itself",
    "Teleprompter": "the base class, which compiles nothing",
}
"""Classes without a transcript, each with the reason."""


def public() -> dict[str, type[Any]]:
    """The modules and optimizers that have a public name, by the name they are defined under."""
    found: dict[str, type[Any]] = {}
    for place in (dspy, dspy.evaluate, dspy.teleprompt):
        for _, value in inspect.getmembers(place, inspect.isclass):
            if issubclass(value, ROLES):
                found[value.__name__] = value
    return found


class Ran(BaseCallback):
    """Notes what modules and optimizers are called."""

    def __init__(self) -> None:
        self.classes: set[type[Any]] = set()

    def on_module_start(self, call_id: str, instance: Any, inputs: Any) -> None:
        self.classes.add(type(instance))

    def noted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A method that notes whose it is, and does as before."""

        @functools.wraps(function)
        def noting(optimizer: Any, *args: Any, **kwargs: Any) -> Any:
            self.classes.add(type(optimizer))
            return function(optimizer, *args, **kwargs)

        return noting


class WatchedSide(AsyncSide):
    """Has each call of a program watched."""

    def __init__(self, ran: Ran) -> None:
        super().__init__(dspy)
        self.ran = ran

    async def call(self, thing: Any, *args: Any, using: Mapping[str, Any], **kwargs: Any) -> Any:
        callbacks = [*using.get("callbacks", ()), self.ran]
        return await super().call(thing, *args, using={**using, "callbacks": callbacks}, **kwargs)


@pytest.mark.api("6.2", "6.3")
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore:(CodeAct|ProgramOfThought) is deprecated:DeprecationWarning")
async def test_every_module_and_optimizer_has_a_transcript(monkeypatch: pytest.MonkeyPatch):
    ran = Ran()
    for cls in public().values():
        if "compile" in vars(cls):
            monkeypatch.setattr(cls, "compile", ran.noted(vars(cls)["compile"]))
    with contextlib.redirect_stdout(io.StringIO()):
        for program in COMPARED:
            await program(WatchedSide(ran))
    without = {name for name, cls in public().items() if cls not in ran.classes}
    assert without == set(WITHOUT), "write a program for each, or say in WITHOUT why there is none"
