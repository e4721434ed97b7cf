"""What calls give, of the package's own things and of other packages' that are known."""

from __future__ import annotations

import pytest

from tests.support.held import held


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("BaseLM()", {"BaseLM()"}),
        ("BaseLM.__new__(BaseLM)", {"BaseLM()"}),
        ("copy.copy(x)", {"BaseLM()"}),
        ("pickle.loads(pickle.dumps(x))", {"BaseLM()"}),
        ("typing.cast(Ask, x)", {"Ask()", "BaseLM()"}),
        ("type(x)", {"BaseLM"}),
        ("functools.partial(x.forward)", {"def BaseLM.forward"}),
        ("min([x])", {"BaseLM()"}),
        ("next(iter([x]))", {"BaseLM()"}),
        ("other.function(x)", {"object()"}),
    ],
)
def test_calls(expression: str, found: set[str]) -> None:
    imports = "import copy, functools, other, pickle, typing\n"
    assert held(f"{imports}def f(x: BaseLM):\n    probe({expression})\n") == found


def test_a_list_of_a_generator_is_none() -> None:
    """What is drawn from it has its elements; whoever loops over the list does not wait."""
    code = "def parts():\n    yield BaseLM()\ndef f():\n    probe(list(parts())[0])\n"
    assert held(code) == {"BaseLM()"}
