"""What a patch stands on."""

from __future__ import annotations

import pytest

from codemods.errors import ToolError
from codemods.patches import apply_patches, footings
from tests.patches.support import FILES, RUN_EDIT, VERSION, Make, edit, with_change


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""Run."""', '"""Run them."""'),
        ("# why there is a lock\n", "# a lock\n"),
        ("with lock as held:", "with lock as (held):"),
        ("LIMIT = 3", "LIMIT = 33"),
    ],
)
def test_comments_docstrings_formatting_and_other_symbols_are_no_change(make: Make, old: str, new: str) -> None:
    assert apply_patches(with_change(old, new), make(RUN_EDIT), "3.3.2").applied


def test_footings_tell_between_which_releases_a_patch_needs_no_look(make: Make) -> None:
    patches = make(RUN_EDIT, edit("pack.mod:Base", "class Base: ...", "class Base(Twin): ..."))
    later = with_change("with lock as held:", "with lock.held() as held:")
    later["pack/mod.py"] = later["pack/mod.py"].replace('"""What others', '"""That others')
    here = {(one.symbol, one.scope): one.fingerprint for one in footings(FILES, patches, VERSION)}
    there = {(one.symbol, one.scope): one.fingerprint for one in footings(later, patches, "3.4.0")}
    assert {key for key in here if here[key] != there[key]} == {("pack.mod:Base.run", "places")}
    without = {**FILES, "pack/mod.py": "x = 1\n"}
    assert {one.fingerprint for one in footings(without, patches, "4.0")} == {None}
    assert {one.applies for one in footings(without, patches, "4.0")} == {False}


def test_the_first_line_of_a_class_does_not_depend_on_what_is_in_it(make: Make) -> None:
    patches = make(edit("pack.mod:Base", "class Base: ...", "class Base(Twin): ..."))
    assert apply_patches(with_change('"base"', '"none"'), patches, "3.4.0").applied
    with pytest.raises(ToolError, match="reviewed"):
        apply_patches(with_change("class Base:", "class Base(int):"), patches, "3.4.0")


def test_what_a_removed_function_does_is_of_no_account(make: Make) -> None:
    patches = make('kind = "remove"\nsymbol = "pack.mod:helper"')
    assert apply_patches(with_change("return a\n", "return a + 1\n"), patches, "3.4.0").applied
    with pytest.raises(ToolError, match="reviewed"):
        apply_patches(with_change("def helper(a):", "def helper(a, b):"), patches, "3.4.0")


REPLACED = '''
kind = "replace"
symbol = "pack.mod:Base"
keep = ["last"]
code = """
class Base:
    def __init__(self, count=None, limit=None):
        self.count = 1
"""
'''


def test_a_member_that_a_replaced_class_keeps_is_of_no_account(make: Make) -> None:
    later = with_change('return f"{self.count}: {self.limit}"', "return self.count")
    assert apply_patches(later, make(REPLACED), "3.4.0").applied


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("self.count = count or settings.count", "self.count = count"),  # of a member that both have
        ("def run(self, items):", "def run(self, items, limit):"),
        ('kind: str = "base"', 'kind: str = "root"'),
        ("class Base:", "class Base(Root):"),
        # Of one that the new class does not have, whose work others may count on; be it private.
        ("lock = make_lock()", "lock = other_lock()"),
        ("    def last(self):", "    def _first(self):\n        return 1\n\n    def last(self):"),
    ],
)
def test_all_else_of_a_replaced_class_counts(make: Make, old: str, new: str) -> None:
    with pytest.raises(ToolError, match="reviewed"):
        apply_patches(with_change(old, new), make(REPLACED), "3.4.0")
