"""Annotations that name classes: of what flows into such a variable, only their objects are kept."""

from __future__ import annotations

import pytest

from tests.support.held import held

BOTH = """
import typing
from typing import Annotated, Any, Callable, Optional, Protocol, Union
class Other: ...
class Fast(BaseLM): ...
class Asks(Protocol):
    def __call__(self, text): ...
def passed(): ...
mixed = [Other(), Fast(), passed, {}]
"""


@pytest.mark.parametrize(
    "annotation",
    ["BaseLM", "'BaseLM'", "BaseLM | None", "'BaseLM | None'", "Optional[BaseLM]", "Annotated[BaseLM, 'x']"],
)
def test_a_parameter_that_is_said_to_be_of_a_class_holds_its_objects_alone(annotation: str) -> None:
    assert held(f"{BOTH}def f(x: {annotation}):\n    probe(x)\nf(mixed[0])\n") == {"BaseLM()", "Fast()"}


def test_several_classes_are_promised_together() -> None:
    code = f"{BOTH}def f(*, x: Union[BaseLM, Other] = None):\n    probe(x)\nf(x=mixed[0])\n"
    assert held(code) == {"BaseLM()", "Fast()", "Other()"}


@pytest.mark.parametrize(
    "annotation", ["Any", "BaseLM | Any", "Callable", "Asks", "BaseLM | Asks", "Unknown", "object"]
)
def test_an_annotation_that_says_less_keeps_nothing_out(annotation: str) -> None:
    found = held(f"{BOTH}def f(x: {annotation}):\n    probe(x)\nf(mixed[0])\n")
    assert {"Other()", "Fast()", "def passed", "[]"} <= found


def test_what_may_be_of_the_class_is_kept() -> None:
    code = f"{BOTH}import requests\ndef f(x: Fast):\n    probe(x)\ndef g(lm: BaseLM):\n    f(lm)\nf(requests.get(''))\n"
    assert held(code) == {"BaseLM()", "Fast()", "object()"}


def test_a_result_is_what_the_annotation_says() -> None:
    assert held(f"{BOTH}def f() -> BaseLM:\n    return mixed[0]\nprobe(f())\n") == {"BaseLM()", "Fast()"}


def test_a_declared_attribute_is_what_the_annotation_says() -> None:
    code = f"{BOTH}class Holder:\n    lm: BaseLM\n    def set(self):\n        self.lm = mixed[0]\nprobe(Holder().lm)\n"
    assert held(code) == {"BaseLM()", "Fast()"}
