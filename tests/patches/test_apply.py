"""All patches of a release: what is told of them, and what they may not do."""

from __future__ import annotations

import random

import pytest

from codemods.errors import ToolError
from codemods.patches import apply_patches
from codemods.stages import Patched
from tests.patches.support import FILES, VERSION, Make, edit, failing, with_change


def test_add_a_module(make: Make) -> None:
    patches = make(
        'kind = "add"\npath = "pack/new/part.py"',
        code={"additions/pack/new/part.py": "x = 1\n"},
    )
    result = apply_patches(FILES, patches, VERSION)
    assert result.files["pack/new/part.py"] == "x = 1\n"
    assert list(result.files) == sorted(result.files)


def test_an_added_module_that_upstream_has(make: Make) -> None:
    message = failing(
        lambda: make('kind = "add"\npath = "pack/mod.py"', code={"additions/pack/mod.py": "x = 1\n"}),
    )
    assert "a.toml:1: upstream has a pack/mod.py of its own" in message


def test_what_was_applied(make: Make) -> None:
    patches = make(
        edit("pack.mod:Base.run", "items", "things", more="expect = 2"),
        'kind = "remove"\nsymbol = "pack.mod:helper"',
    )
    applied = apply_patches(FILES, patches, VERSION).applied
    assert [(patch.symbol, patch.kind, patch.matches, patch.lines) for patch in applied] == [
        ("pack.mod:Base.run", "edit", 2, 2),
        ("pack.mod:helper", "remove", 1, 0),
    ]
    assert applied[0].reason == "because it must be"


def test_code_of_our_own_is_final(make: Make) -> None:
    patches = make(
        'kind = "add"\npath = "pack/new.py"',
        'kind = "replace"\nsymbol = "pack.mod:Base.run"\ncode = "def run(self): pass\\ndef more(self): pass"',
        'kind = "insert"\nposition = "after"\nsymbol = "pack.mod:helper"\ncode = "class Last: pass"',
        edit("pack.mod:Base.last", "def last(self): ...", "async def last(self): ..."),
        'kind = "replace"\nsymbol = "pack.mod:Base.run.inner"\ncode = "def inner(x): pass"\nreleases = "<3"',
        'kind = "keep"\nsymbol = "pack.mod:Base.__init__"',
        code={"additions/pack/new.py": ""},
    )
    final = apply_patches(FILES, patches, VERSION).final
    assert final == (
        "pack.mod:Base.__init__",
        "pack.mod:Base.more",
        "pack.mod:Base.run",
        "pack.mod:Last",
        "pack/new.py",
    )


def test_a_nested_function_is_final_by_the_name_python_gives_it(make: Make) -> None:
    nested = make('kind = "replace"\nsymbol = "pack.mod:Base.run.inner"\ncode = "def inner(x): pass"')
    assert apply_patches(FILES, nested, VERSION).final == ("pack.mod:Base.run.<locals>.inner",)


def test_what_is_kept_stays_and_is_reviewed(make: Make) -> None:
    keep = 'kind = "keep"\nsymbol = "pack.mod:helper"'
    assert apply_patches(FILES, make(keep), VERSION).files == dict(sorted(FILES.items()))
    with pytest.raises(ToolError, match="reviewed"):
        apply_patches(with_change("return 1", "return 2"), make(keep), "3.4.0")


def test_the_order_of_patches_does_not_matter(make: Make) -> None:
    texts = [
        edit("pack.mod:", "LIMIT = 3", "LIMIT = 4"),
        'kind = "remove"\nsymbol = "pack.mod:Base.run"',
        'kind = "insert"\nposition = "after"\nsymbol = "pack.mod:helper"\ncode = "x = 1"',
        edit("pack.mod:helper", "if a: ...", "if not a: ..."),
    ]
    results: list[Patched] = []
    for seed in range(4):
        random.Random(seed).shuffle(texts)
        results.append(apply_patches(dict(reversed(FILES.items())), make(*texts), VERSION))
    assert len({tuple(result.files.items()) for result in results}) == 1


def test_patches_of_other_releases_are_left_alone(make: Make) -> None:
    other = make('kind = "remove"\nsymbol = "pack.mod:Base.gone"\nreleases = "<3.3"', reviewed=False)
    assert apply_patches(FILES, other, VERSION).applied == ()


@pytest.mark.parametrize(
    ("symbol", "problem"),
    [
        ("pack.gone:helper", "there is no module pack.gone"),
        ("pack.mod:gone", "pack/mod.py has no 'gone' in pack.mod"),
        ("pack.mod:Base.run.gone", "has no 'gone' in pack.mod:Base.run"),
    ],
)
def test_an_unknown_symbol(make: Make, symbol: str, problem: str) -> None:
    message = failing(lambda: make(f'kind = "remove"\nsymbol = "{symbol}"', reviewed=False))
    assert f"a.toml:1: the patch for {symbol} has nothing to stand on" in message
    assert problem in message


def test_two_patches_of_the_same_text(make: Make) -> None:
    message = failing(
        lambda: make('kind = "remove"\nsymbol = "pack.mod:Base"', edit("pack.mod:Base.run", "lock = make_lock()"))
    )
    assert "both change pack/mod.py" in message


def test_a_result_that_does_not_parse(make: Make) -> None:
    message = failing(lambda: make(edit("pack.mod:Base.run", "item", "f()", more="expect = 4")))
    assert "pack/mod.py" in message
    assert "does not parse after its patches (a.toml:1)" in message
