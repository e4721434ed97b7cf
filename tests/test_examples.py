"""Blocks of Python in text: found, and replaced, with everything around them as it was."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codemods.examples import Example, find_examples, replace_examples
from tests.support.conversion import dedent

TEXT = dedent(
    """
    A page.

    ```python
    x = 1

    y = 2
    ```

    A list:

      >>> f(1)
      2
      >>> g(
      ...     3,
      ... )

    ~~~
    w = 4
    ~~~
    """
)


def codes(text: str) -> list[str]:
    return [example.code for example in find_examples(text)]


def test_fences_and_prompts() -> None:
    assert codes(TEXT) == ["x = 1\n\ny = 2", "f(1)\ng(\n    3,\n)", "w = 4"]


def test_a_fence_behind_a_list_marker() -> None:
    text = "  - ```py\n    z = 3\n    ```\n\n1. * ~~~\n     y = 2\n     ~~~\n\n```py\nx = 1\n```\n"
    assert codes(text) == ["z = 3", "y = 2", "x = 1"]
    first = find_examples(text)[0]
    assert replace_examples(text, {first: "a\nb"}) == text.replace("    z = 3", "    a\n    b")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no code\n",
        "```bash\nls\n```\n",
        "```python\nno python\n```\n",
        "```python\n```\n",
        "```python\n\n\n```\n",
        "```\njust words\n```\n",
        "text >>> f(1)\n",
        "...\n",
        ">>>\n",
        "```python\nx = 1\0\n```\n",
    ],
)
def test_no_examples(text: str) -> None:
    assert codes(text) == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("```python\nx = 1\n", "x = 1\n"),
        ("````python\nx = '```'\n````\n", "x = '```'"),
        ("```python title='a'\nx = 1\n```\n", "x = 1"),
        ("```Python\nx = 1\n```\n", "x = 1"),
        ("    ```python\n    if x:\n        y\n    ```\n", "if x:\n    y"),
        ("    ```python\nx = 1\n    ```\n", "x = 1"),
        (">>> x = 1\n1\n\n2\n", "x = 1"),
        (">>> def f():\n...     return 1\n...\n>>> f()\n", "def f():\n    return 1\n\nf()"),
        ("```pycon\n>>> x\n1\n```\n", "x"),
    ],
)
def test_one_example(text: str, code: str) -> None:
    assert codes(text) == [code]


def test_replacing_keeps_indentation_and_what_is_around() -> None:
    text = "a\n  ```python\n  x = 1\n\n  if x:\n      y()\n  ```\nb\n"
    (example,) = find_examples(text)
    assert example == Example(2, 6, "  ", False, "x = 1\n\nif x:\n    y()")
    new = replace_examples(text, {example: "x = 2\n\nif x:\n    await y()\nz"})
    assert new == "a\n  ```python\n  x = 2\n\n  if x:\n      await y()\n  z\n  ```\nb\n"


def test_replacing_prompts_keeps_what_was_printed() -> None:
    text = ">>> x = f(\n...     1)\n>>> x\n2\n>>> @d\n... def g():\n...     return 1\n>>> g()\n3\n4\n"
    (example,) = find_examples(text)
    code = "x = await f(\n    1)\nx\n@d\nasync def g():\n    return 1\nawait g()"
    assert replace_examples(text, {example: code}) == (
        ">>> x = await f(\n...     1)\n>>> x\n2\n>>> @d\n... async def g():\n...     return 1\n>>> await g()\n3\n4\n"
    )


def test_prompts_whose_statements_do_not_match_stay() -> None:
    text = ">>> x\n1\n>>> y\n2\n"
    (example,) = find_examples(text)
    assert replace_examples(text, {example: "x"}) == text


def test_several_in_one_text() -> None:
    first, second, third = find_examples(TEXT)
    new = replace_examples(TEXT, {first: "a", third: "b\nc", second: "f(9)\ng(0)"})
    assert codes(new) == ["a", "f(9)\ng(0)", "b\nc"]


_BLOCKS: list[tuple[str, ...]] = [
    *[("",), ("text",), ("    ",), ("1",), ("x = 1",), ("```",), ("~~~",)],
    *[(">>> f(1)",), (">>> f(1)", "1"), (">>> if x:", "...     é = 'ß'"), ("    >>> h(", "    ...     1)")],
    *[("```python", "x = 1", "```"), ("    ```py", "    if x:", "        y = 2", "    ```"), ("```bash", "x", "```")],
    ("```` x", "```", "x = 1", "````"),
]
_LINES = st.lists(st.sampled_from(_BLOCKS), max_size=8).map(lambda blocks: [line for block in blocks for line in block])


@given(_LINES)
def test_replacing_each_by_itself_changes_nothing_but_blanks(lines: list[str]) -> None:
    text = "\n".join(lines)
    examples = find_examples(text)
    new = replace_examples(text, {example: example.code for example in examples})
    assert [line.strip() for line in new.split("\n") if line.strip() not in ("", "...", ">>>")] == [
        line.strip() for line in lines if line.strip() not in ("", "...", ">>>")
    ]


@given(_LINES)
def test_examples_lie_in_the_text_and_one_behind_the_other(lines: list[str]) -> None:
    places = [(example.first, example.last) for example in find_examples("\n".join(lines))]
    assert all(0 <= first < last <= len(lines) for first, last in places)
    assert all(before[1] <= after[0] for before, after in pairwise(places))


@given(_LINES, st.sampled_from(["x", "async def f():\n    return 1", "await f()"]))
def test_what_is_put_in_is_what_is_found_there(lines: list[str], code: str) -> None:
    text = "\n".join(lines)
    fenced = [example for example in find_examples(text) if not example.prompts]
    new = replace_examples(text, dict.fromkeys(fenced, code))
    assert [e.code for e in find_examples(new) if not e.prompts] == [code] * len(fenced)
