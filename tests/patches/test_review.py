"""What stops a run until a person has looked."""

from __future__ import annotations

from pathlib import Path

import pytest

from codemods.errors import ToolError
from codemods.patches import apply_patches, load_patches
from tests.patches.support import FILES, RUN_EDIT, VERSION, Make, edit, with_change


def test_a_change_stops_with_a_diff_and_the_command(make: Make) -> None:
    later = with_change("with lock as held:", "with lock.held() as held:")
    with pytest.raises(ToolError) as error:
        apply_patches(later, make(RUN_EDIT), "3.4.0", reviewed={VERSION: FILES}.get)
    message = str(error.value)
    assert "pack.mod:Base.run (pack/mod.py:27), patched in a.toml:1: because it must be" in message
    assert "--- DSPy 3.3.1\n+++ DSPy 3.4.0\n" in message
    assert "-        with lock as held:\n+        with lock.held() as held:\n" in message
    assert "dspy-async patches accept pack.mod:Base.run --upstream 3.4.0" in message


def test_without_the_reviewed_source_the_new_one_is_shown(make: Make) -> None:
    later = with_change("make_lock()", "make_lock(1)")
    with pytest.raises(ToolError, match=r"reviewed for 3\.3\.1, whose source is not at hand"):
        apply_patches(later, make(RUN_EDIT), "3.4.0")
    with pytest.raises(ToolError, match=r"It was never reviewed(.|\n)*lock = make_lock\(\)"):
        apply_patches(FILES, make(RUN_EDIT, reviewed=False), VERSION)


def test_all_stale_symbols_are_told_at_once(make: Make) -> None:
    later = with_change("make_lock()", "make_lock(1)")
    later["pack/mod.py"] = later["pack/mod.py"].replace("def helper(a)", "def helper(a, b)")
    with pytest.raises(ToolError) as error:
        apply_patches(later, make(RUN_EDIT, 'kind = "remove"\nsymbol = "pack.mod:helper"'), "3.4.0")
    assert "accept pack.mod:Base.run" in str(error.value)
    assert "accept pack.mod:helper" in str(error.value)


def test_a_tolerant_run_collects_what_is_stale_and_applies_what_fits(make: Make) -> None:
    later = with_change("with lock as held:", "with lock.held() as held:")
    later["pack/mod.py"] = later["pack/mod.py"].replace("count or settings.count", "settings.count")
    later["pack/mod.py"] = later["pack/mod.py"].replace("def helper(a)", "def aid(a)")
    patches = make(
        RUN_EDIT,
        edit("pack.mod:Base.__init__", "count or settings.count", "count"),
        'kind = "remove"\nsymbol = "pack.mod:helper"',
        edit("pack.mod:", "LIMIT = 3", "LIMIT = 4"),
    )
    result = apply_patches(later, patches, "3.4.0", reviewed={VERSION: FILES}.get, tolerant=True)
    told = {patch.symbol: patch for patch in result.stale}
    assert {symbol: (patch.fault, patch.fits) for symbol, patch in told.items()} == {
        "pack.mod:Base.run": ("changed", True),
        "pack.mod:Base.__init__": ("changed", False),
        "pack.mod:helper": ("gone", False),
    }
    assert "+        with lock.held() as held:" in told["pack.mod:Base.run"].detail
    assert "there are 0" in told["pack.mod:Base.__init__"].detail
    assert "lock = None" in result.files["pack/mod.py"]
    assert "LIMIT = 4" in result.files["pack/mod.py"]
    assert [one.symbol for one in result.applied] == ["pack.mod:Base.run", "pack.mod:"]


def test_a_tolerant_run_tells_a_reviewed_patch_that_does_not_fit(make: Make, tmp_path: Path) -> None:
    make(edit("pack.mod:Base.run", "return [inner(item) for item in items]", "return []"), RUN_EDIT)
    path = tmp_path / "a.toml"
    path.write_text(path.read_text().replace("return [inner(item) for item in items]", "no_such_call()"))
    result = apply_patches(FILES, load_patches(tmp_path), VERSION, tolerant=True)
    assert [(one.symbol, one.fault, one.fits) for one in result.stale] == [("pack.mod:Base.run", "misfit", False)]
    assert "lock = None" in result.files["pack/mod.py"]


def test_a_change_where_the_patch_was_says_that_it_does_not_fit(make: Make) -> None:
    later = with_change("lock = make_lock()", "lock = make_lock(1)")
    with pytest.raises(ToolError) as error:
        apply_patches(later, make(RUN_EDIT), "3.4.0", reviewed={VERSION: FILES}.get)
    assert "+        lock = make_lock(1)\n" in str(error.value)
    assert "does not fit any more: a.toml:1: the patch for pack.mod:Base.run expects 1 of this" in str(error.value)
