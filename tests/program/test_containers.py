"""What comes out of containers: their elements, by place where that is known."""

from __future__ import annotations

import pytest

from tests.support.held import held


@pytest.mark.parametrize(
    ("annotation", "expression"),
    [
        ("list[BaseLM]", "x[0]"),
        ("list[BaseLM]", "x[-1]"),
        ("list[BaseLM]", "x[1:][0]"),
        ("List['BaseLM']", "x[i]"),
        ("Sequence[Optional[BaseLM]]", "x[0]"),
        ("set[BaseLM]", "x.pop()"),
        ("dict[str, BaseLM]", "x['a']"),
        ("Mapping[str, BaseLM]", "x.get('a')"),
        ("dict[str, list[BaseLM]]", "x['a'][0]"),
        ("tuple[str, BaseLM]", "x[1]"),
        ("tuple[BaseLM, ...]", "x[3]"),
        ("list[tuple[str, BaseLM]]", "x[0][1]"),
        ("Iterator[BaseLM]", "next(x)"),
        ("list[BaseLM]", "next(iter(x))"),
        ("list[BaseLM]", "random.choice(x)"),
        ("list[BaseLM]", "max(x, key=len)"),
        ("list[BaseLM]", "sorted(x)[0]"),
        ("list[BaseLM]", "list(reversed(x))[0]"),
        ("list[BaseLM]", "(x + x)[0]"),
        ("list[BaseLM]", "[*x][0]"),
        ("list[BaseLM]", "x.copy()[0]"),
        ("list[BaseLM]", "[y for y in x][0]"),
        ("list[BaseLM]", "{y: y for y in x}['a']"),
        ("list[BaseLM]", "dict(a=x)['a'][0]"),
        ("dict[str, BaseLM]", "list(x.values())[0]"),
        ("dict[str, BaseLM]", "{**x}['a']"),
        ("dict[str, BaseLM]", "list(x.items())[0][1]"),
        ("list[BaseLM]", "list(enumerate(x))[0][1]"),
        ("list[BaseLM]", "list(zip('ab', x))[0][1]"),
    ],
)
def test_elements_of_annotated_containers(annotation: str, expression: str) -> None:
    imports = "import random\nfrom typing import Iterator, List, Mapping, Optional, Sequence\n"
    assert "BaseLM()" in held(f"{imports}def f(x: {annotation}, i):\n    probe({expression})\n")


@pytest.mark.parametrize(("index", "found"), [("0", {"object()"}), ("1", {"BaseLM()"})])
def test_places_in_a_tuple_are_told_apart(index: str, found: set[str]) -> None:
    assert held(f"def f(x: tuple[str, BaseLM]):\n    probe(x[{index}])\n") == found
    assert held(f"def f(y: BaseLM):\n    x = ('a', y)\n    probe(x[{index}])\n") == found


@pytest.mark.parametrize(
    "filling",
    [
        "xs = [BaseLM()]",
        "xs = []\n    xs.append(BaseLM())",
        "xs = []\n    xs += [BaseLM()]",
        "xs = list()\n    xs.extend([BaseLM()])",
        "xs = {}\n    xs['a'] = BaseLM()",
        "xs = dict(a=BaseLM())",
        "xs = {}\n    xs.update({'a': BaseLM()})",
        "xs = {}\n    xs.setdefault('a', BaseLM())",
        "xs = collections.deque()\n    xs.appendleft(BaseLM())",
        "xs = []\n    xs.insert(0, BaseLM())",
        "xs = set()\n    xs.add(BaseLM())",
        "xs = [None] + [BaseLM()]",
    ],
)
def test_what_is_put_into_a_container_comes_out(filling: str) -> None:
    assert "BaseLM()" in held(f"import collections\ndef f():\n    {filling}\n    for x in xs:\n        probe(x)\n")


def test_a_place_of_which_nothing_is_known_is_not_taken_for_another() -> None:
    assert (
        held("import unknown_names\ndef f(x):\n    for _, second in [(BaseLM(), x)]:\n        probe(second)\n") == set()
    )


def test_a_place_behind_a_star_may_be_any() -> None:
    code = "def f(rest):\n    made = (*rest, BaseLM(), Module())\n    probe(made[0])\n"
    assert {"BaseLM()", "Module()"} <= held(code)
