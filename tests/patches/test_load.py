"""Patch files: what is valid, and what code belongs to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from codemods.errors import ToolError
from codemods.patches import load_patches
from tests.patches.support import Make, changed, failing


@pytest.mark.parametrize(
    ("toml", "problem"),
    [
        ('kind = "remove"\nsymbol = "no colon"', "a.toml:1: remove.symbol: Value error, 'no colon' is not of the form"),
        ('kind = "remove"\nsymbol = "a:b"\nreleases = "soon"', "is not a version specifier"),
        ('kind = "remove"\nsymbol = "a:b"\nreason = "short"', "a.toml:1: remove.reason"),
        ('kind = "rename"\nsymbol = "a:b"', "a.toml:1: patch: Input tag 'rename'"),
        ('kind = "replace"\nsymbol = "a:b"', "code stands either in `code` or in the file"),
        ('kind = "edit"\nsymbol = "a:b"', "a.toml:1: edit.edit: Field required"),
        ('kind = "remove"\nsymbol = "a:b"\nextra = 1', "a.toml:1: remove.extra"),
        ("kind = ", "a.toml is not valid TOML"),
        ('kind = "replace"\nsymbol = "a:b"\nfile = "gone.py"', "a.toml:1: there is no file gone.py"),
    ],
)
def test_a_patch_file_that_is_not_valid(make: Make, toml: str, problem: str) -> None:
    assert problem in failing(lambda: make(toml, reviewed=False))


@pytest.mark.parametrize("path", ["spare.py", "additions/pack/spare.py"])
def test_code_that_no_patch_names(make: Make, path: str) -> None:
    message = failing(lambda: make('kind = "remove"\nsymbol = "pack.mod:helper"', code={path: "x = 1\n"}))
    assert f"No patch names this code: {path}" in message


def test_ids_of_tests(make: Make) -> None:
    symbol = 'symbol = "pack.mod:helper"'
    good = ["tests/test_a.py::test_it", "tests/generated/test_a.py::TestThis::test_it[some thing]"]
    loaded = make(f'kind = "remove"\ntests = {good}\n{symbol}')
    assert loaded.patches[0].patch.tests == tuple(good)
    with pytest.raises(ToolError, match=r"tests\.0: String should match pattern"):
        make(f'kind = "remove"\ntests = ["test_it"]\n{symbol}')


def test_code_is_shared_by_releases_that_call_things_otherwise(make: Make) -> None:
    shared = 'kind = "replace"\nsymbol = "pack.mod:helper"\nfile = "helper.py"\n'
    code = {"helper.py": "def helper(a):\n    return told(a), told(a).told, untold(a)\n"}
    patches = make(shared + 'names = { "told(a)" = "a" }', code=code)
    assert changed(patches)[-1] == "+    return a, a.told, untold(a)"
    with pytest.raises(ToolError, match="there is no gone in its code"):
        make(shared + 'names = { "gone" = "a" }', code=code)


def test_our_patches_load_and_are_reviewed() -> None:
    patches = load_patches(Path(__file__).parents[2] / "patches").patches
    assert patches
    unreviewed = [loaded.where for loaded in patches if loaded.patch.kind != "add" and not loaded.patch.reviewed]
    assert unreviewed == []
