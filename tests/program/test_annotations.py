"""What annotations promise."""

from __future__ import annotations

import pytest

from tests.support.held import held


@pytest.mark.parametrize(
    ("annotation", "found"),
    [
        ("BaseLM", {"BaseLM()"}),
        ("'BaseLM'", {"BaseLM()"}),
        ("dspy.BaseLM", {"BaseLM()"}),
        ("'dspy.clients.base_lm.BaseLM'", {"BaseLM()"}),
        ("Optional[BaseLM]", {"BaseLM()"}),
        ("typing.Optional['BaseLM']", {"BaseLM()"}),
        ("Union[BaseLM, Module, None]", {"BaseLM()", "Module()"}),
        ("BaseLM | None", {"BaseLM()"}),
        ("'BaseLM | Module'", {"BaseLM()", "Module()"}),
        ("Annotated[BaseLM, 'x']", {"BaseLM()"}),
        ("type[BaseLM]", {"BaseLM"}),
        ("Coroutine[Any, Any, BaseLM]", {"BaseLM()"}),
        ("str", {"object()"}),
        ("Literal['a']", {"object()"}),
        ("Any", set()),
        ("object", set()),
        ("Callable", {"callable"}),
        ("Callable[[int], BaseLM]", {"callable"}),
        ("'not valid ['", set()),
        ("list[BaseLM]", {"[]"}),
        ("dict[str, BaseLM]", {"[]"}),
    ],
)
def test_annotations(annotation: str, found: set[str]) -> None:
    imports = "import typing\nfrom typing import Annotated, Any, Callable, Coroutine, Literal, Optional, Union\n"
    assert held(f"{imports}def f(x: {annotation}):\n    probe(x)\n") == found
