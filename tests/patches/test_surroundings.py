"""What an edit within a function stands on, and what of the function may change without anybody looking."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from codemods.patches import accept, footings
from codemods.patches.footing import Footing
from tests.patches.support import VERSION, Make, edit

CODE = """\
import os
from pack.other import thing, limit

SIZE = 3


class Pool:
    @cached
    def run(self, items, size=4, *, strict: bool = False, **more):
        before = prepare(items)
        total = len(items)
        try:
            if strict:
                for item in items:
                    result = thing(item, size)
                    keep(result)
            else:
                skip()
        except OSError as error:
            tell(error)
        finally:
            close()
        return [each for each in before if kept(total)]

    def other(self):
        return SIZE
"""
FILES = {"pack/__init__.py": "", "pack/mod.py": CODE}

Foot = Callable[[str], Footing]
"""What the patch stands on in the module's text."""


@pytest.fixture
def foot(make: Make, tmp_path: Path) -> Callable[..., Foot]:
    def patched(find: str, replace: str, imports: str = "", symbol: str = "pack.mod:Pool.run") -> Foot:
        text = edit(symbol, find, replace)
        patches = make(text.replace("[[patch.edit]]", f"imports = {imports!r}\n[[patch.edit]]"), reviewed=False)
        accept(tmp_path, symbol, FILES, VERSION)
        return lambda code: footings({"pack/mod.py": code}, patches, VERSION)[0]

    return patched


def changed(foot: Foot, old: str, new: str) -> bool:
    assert CODE.count(old) == 1, old
    return foot(CODE).fingerprint != foot(CODE.replace(old, new)).fingerprint


def test_the_rest_of_the_function_may_change(foot: Callable[..., Foot]) -> None:
    place = foot("thing(item, size)", "thing(item, size, wait=False)")
    for old, new in [
        ("prepare(items)", "prepare(sorted(items))"),
        ("                skip()\n", "                skip()\n                again()\n"),
        ("tell(error)", "tell(str(error))"),
        ("close()", "close_all()"),
        ("**more", "timeout=None, **more"),
        ("    def other(self):", "    def other(self, a):"),
        ("SIZE = 3", "SIZE = 4"),
        ("import os\n", ""),
        ("                    keep(result)\n", "                    keep(result)\n                    told()\n"),
    ]:
        assert not changed(place, old, new), old


@pytest.mark.parametrize(
    ("old", "new"),
    [
        # The statement it is in.
        ("result = thing(item, size)", "self.result = thing(item, size)"),
        # The blocks, and what is caught around them.
        ("if strict:", "if not strict:"),
        ("for item in items:", "for item in sorted(items):"),
        ("except OSError as error", "except ValueError as error"),
        ("@cached", "@cached(size=1)"),
        ("    def run", "    async def run"),
        # How the names are bound.
        ("size=4", "size=5"),
        ("strict: bool = False", "strict: bool = True"),
        ("from pack.other import thing, limit", "from pack.third import thing, limit"),
        ("total = len(items)", "total = len(items)\n        size = total"),
        ("import os\n", "import os\nimport sys as wait\n"),
        # What uses the names that are bound.
        ("keep(result)", "keep(result, result)"),
        ("return [each", "return result, [each"),
    ],
)
def test_what_gives_the_place_its_meaning_may_not(foot: Callable[..., Foot], old: str, new: str) -> None:
    assert changed(foot("result = thing(item, size)", "result = thing(item, size, wait, strict)"), old, new)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        # What is done with its value, and under what conditions.
        ("result = thing(item, size)", "self.result = thing(item, size)"),
        ("if strict:", "if not strict:"),
        ("for item in items:", "for item in sorted(items):"),
        ("except OSError as error", "except ValueError as error"),
        ("keep(result)", "keep(result, result)"),
        # What the names hold that are handed on.
        ("size=4", "size=5"),
        ("total = len(items)", "total = len(items)\n        size = total"),
    ],
)
def test_around_an_expression_all_may_change_that_its_value_does_not_depend_on(
    foot: Callable[..., Foot], old: str, new: str
) -> None:
    assert not changed(foot("thing(item, size)", "wait(thing(item, size), total)"), old, new)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        # What is called, and what is imported under a name.
        ("thing(item, size)", "thing(size, item)"),
        ("from pack.other import thing, limit", "from pack.third import thing, limit"),
        # How a name is bound that the replacement brings, and that is no longer used.
        ("strict: bool = False", "strict: bool = True"),
        ("size=4", "size=5"),
        # The function that it is in.
        ("    def run", "    async def run"),
        ("@cached", "@cached(size=1)"),
    ],
)
def test_what_gives_an_expression_its_meaning_may_not(foot: Callable[..., Foot], old: str, new: str) -> None:
    assert changed(foot("thing(item, size)", "thing(item, strict)"), old, new)


def test_a_name_that_becomes_local_is_another(foot: Callable[..., Foot]) -> None:
    place = foot("thing(item, size)", "wait(thing(item, size))")
    assert changed(place, "total = len(items)", "total = len(items)\n        thing = str")


def test_what_a_comprehension_around_an_expression_binds_counts(foot: Callable[..., Foot]) -> None:
    old, new = "for each in before if", "for each in sorted(before) if"
    assert changed(foot("kept(total)", "each.kept(total)"), old, new)
    assert not changed(foot("kept(total)", "bind(kept)(total)"), old, new)


def test_what_a_loop_goes_through_and_what_is_tested_are_expressions(foot: Callable[..., Foot]) -> None:
    loop = foot("for item in items: ...", "for item in sorted(items): ...")
    assert not changed(loop, "if strict:", "if size:")
    assert changed(loop, "for item in items:", "for item in before:")
    other = foot("for item in items: ...", "for one in items: ...")
    assert changed(other, "if strict:", "if size:")
    test = foot("if strict: ...", "if strict and total: ...")
    assert changed(test, "total = len(items)", "total = 0") and not changed(test, "close()", "close_all()")


def test_the_branch_counts(foot: Callable[..., Foot]) -> None:
    place = foot("skip()", "pass")
    assert changed(place, "            else:\n                skip()\n", "            skip()\n")
    turned = CODE.replace("skip()", "pass").replace("close()", "skip()")
    assert place(CODE).fingerprint != place(turned).fingerprint


def test_a_name_that_only_the_replacement_uses_counts(foot: Callable[..., Foot]) -> None:
    place = foot("skip()", "tell(limit, total)")
    assert changed(place, "thing, limit", "thing")
    assert changed(place, "total = len(items)", "total = 0")
    assert not changed(place, "size=4", "size=5")


def test_names_that_the_replacement_binds_count_where_they_are_used(foot: Callable[..., Foot]) -> None:
    place = foot("skip()", "before = []")
    assert changed(place, "for each in before if kept(total)", "for each in before")
    assert not changed(place, "total = len(items)", "total = 0")


def test_an_import_of_the_function_is_as_good_as_one_of_the_module(foot: Callable[..., Foot]) -> None:
    place = foot("thing(item, size)", "thing(item)")
    moved = CODE.replace("import thing, limit", "import limit")
    local = "        from pack.other import thing\n        before = prepare(items)\n"
    moved = moved.replace("        before = prepare(items)\n", local)
    assert place(CODE).fingerprint == place(moved).fingerprint


def test_what_the_patch_imports_upstream_may_import_too(foot: Callable[..., Foot]) -> None:
    place = foot("skip()", "asyncio.skip()", imports="import asyncio")
    assert not changed(place, "import os\n", "import asyncio\nimport os\n")
    assert changed(place, "import os\n", "import os as asyncio\n")


def test_a_first_line_does_not_depend_on_what_is_under_it(foot: Callable[..., Foot]) -> None:
    place = foot("for item in items: ...", "for each in items: ...")
    assert not changed(place, "keep(result)", "tell(result)")
    # It binds the name that is used there.
    assert changed(place, "thing(item, size)", "thing(size)")
    assert changed(place, "if strict:", "if size:")


def test_the_first_line_of_a_function_is_what_the_pattern_says_of_it(foot: Callable[..., Foot]) -> None:
    arguments = "(self, items, size=4, *, strict: bool = False, **more)"
    bare = foot(f"def run{arguments}: ...", f"def run{arguments}: ...")
    assert not changed(bare, "    @cached\n", "")
    decorated = foot(f"@cached\ndef run{arguments}: ...", f"def run{arguments}: ...")
    assert not decorated(CODE.replace("    @cached\n", "")).fits


def test_what_does_not_fit_stands_on_the_whole_symbol(foot: Callable[..., Foot]) -> None:
    place = foot("skip()", "pass")
    assert place(CODE).fits
    gone, twice = CODE.replace("skip()", "hop()"), CODE.replace("close()", "skip()")
    prints = {place(code).fingerprint for code in (CODE, gone, twice)}
    assert len(prints) == 3
    assert not place(gone).fits and not place(twice).fits
    assert place("x = 1\n").fingerprint is None


def test_a_class_and_a_module_have_places_too(foot: Callable[..., Foot]) -> None:
    place = foot("SIZE = 3", "SIZE = 4", symbol="pack.mod:")
    assert not changed(place, "import os\n", "")
    assert not changed(place, "total = len(items)", "total = 0")
    assert place(CODE.replace("SIZE = 3", "if thing:\n    SIZE = 3")).fingerprint != place(CODE).fingerprint
