"""Each patch says what fails without it, and that is there."""

from __future__ import annotations

import ast
import functools
import re

import pytest

from codemods.patches import LoadedPatch, load_patches
from tests.patches.conftest import PATCHES

ROOT = PATCHES.parent
ALL = load_patches(PATCHES).patches


@functools.cache
def _names(path: str) -> frozenset[str]:
    """The tests of a file: `test_this`, `TestThat::test_this`."""
    found: set[str] = set()
    for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
        inner = [(f"{node.name}::", each) for each in node.body] if isinstance(node, ast.ClassDef) else [("", node)]
        found.update(f"{owner}{each.name}" for owner, each in inner if isinstance(each, _FUNCTION))
    return frozenset(found)


_FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


def _is_there(test: str) -> bool:
    path, _, name = test.partition("::")
    name, _, parameter = name.removesuffix("]").partition("[")
    if not (ROOT / path).is_file() or name.rpartition("::")[2][:5] != "test_" or name not in _names(path):
        return False
    # What a test is run with stands in its file, or among the programs beside it.
    beside = (ROOT / path).with_name("programs.py")
    texts = [file.read_text(encoding="utf-8") for file in ((ROOT / path), beside) if file.is_file()]
    return not parameter or any(re.search(rf"\b{re.escape(parameter)}\b", text) for text in texts)


@pytest.mark.parametrize("patch", ALL, ids=lambda patch: f"{patch.where} {patch.symbol}")
def test_it_has_a_test(patch: LoadedPatch) -> None:
    assert patch.patch.tests, f"{patch.where}: name what fails without this patch in `tests`"
    missing = [test for test in patch.patch.tests if not _is_there(test)]
    assert not missing, f"{patch.where}: there is no such test"


def test_what_is_not_there_is_noticed() -> None:
    here = "tests/patches/test_every_patch.py"
    assert _is_there(f"{here}::test_it_has_a_test") and _is_there(f"{here}::test_it_has_a_test[patch]")
    for test in (f"{here}::test_nowhere", f"{here}::_names", f"{here}::Nowhere::test_it_has_a_test"):
        assert not _is_there(test)
    assert not _is_there("tests/patches/test_nowhere.py::test_it") and not _is_there(f"{here}::test_it_has_a_test[no-]")
