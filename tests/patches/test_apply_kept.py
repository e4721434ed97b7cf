"""What the patches make of a file is kept, and worked out anew for whatever it depends on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from codemods import kept
from codemods.errors import ToolError
from codemods.kept import Store
from codemods.patches import PatchSet, accept, apply, apply_patches, load_patches
from codemods.stages import Patched
from tests.patches.support import FILES, RUN_EDIT, VERSION, Make, edit, with_change

OTHER_EDIT = edit("pack.other:", "thing = 1", "thing = 2")


class Spy:
    """Which symbols changes are worked out for, and how often imports are looked through."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.worked_out: list[str] = []
        self.fixed = 0
        changes_of, fix_imports = apply.changes_of, apply.fix_imports

        def seen(loaded: Any, symbol: Any) -> Any:
            self.worked_out.append(loaded.symbol)
            return changes_of(loaded, symbol)

        def fixed(*arguments: Any) -> str:
            self.fixed += 1
            return fix_imports(*arguments)

        monkeypatch.setattr(apply, "changes_of", seen)
        monkeypatch.setattr(apply, "fix_imports", fixed)

    def of(self, files: dict[str, str], patches: PatchSet, store: Store | None, version: str = VERSION) -> list[str]:
        """The symbols, for one run whose result is the same as without anything kept."""
        expected = apply_patches(files, patches, version)
        self.worked_out.clear()
        self.fixed = 0
        assert apply_patches(files, patches, version, store=store) == expected
        return self.worked_out.copy()


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> Spy:
    return Spy(monkeypatch)


def test_only_the_file_that_changed_is_worked_out(make: Make, spy: Spy, tmp_path: Path) -> None:
    patches = make(RUN_EDIT, OTHER_EDIT, 'kind = "keep"\nsymbol = "pack.mod:helper"')
    store = Store(tmp_path / "kept")
    assert spy.of(FILES, patches, store) == ["pack.mod:Base.run", "pack.other:", "pack.mod:helper"]
    assert spy.of(FILES, patches, store) == []
    assert spy.of({**FILES, "pack/other.py": "thing = 1\nmore = 1\n"}, patches, store) == ["pack.other:"]
    assert spy.of(with_change("LIMIT = 3", "LIMIT = 4"), patches, store) == ["pack.mod:Base.run", "pack.mod:helper"]
    assert spy.of(FILES, patches, Store(tmp_path / "another")) == [
        "pack.mod:Base.run",
        "pack.other:",
        "pack.mod:helper",
    ]


def test_another_patch_of_the_file_or_another_release_is_another_result(
    make: Make, spy: Spy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "kept")
    assert spy.of(FILES, make(RUN_EDIT, OTHER_EDIT), store)
    assert spy.of(FILES, make(RUN_EDIT.replace("lock = None", "lock = 0"), OTHER_EDIT), store) == ["pack.mod:Base.run"]
    replacement = 'kind = "replace"\nsymbol = "pack.mod:helper"\ncode = "def helper(a): return 1"'
    assert spy.of(FILES, make(replacement, OTHER_EDIT), store) == ["pack.mod:helper"]
    assert spy.of(FILES, make(replacement.replace("1", "2"), OTHER_EDIT), store) == ["pack.mod:helper"]
    patches = make(RUN_EDIT)
    # What stands in another file does not matter, nor what came between.
    assert not spy.of(FILES, patches, store)
    assert spy.of(FILES, patches, store, "3.3.2") == ["pack.mod:Base.run"]
    monkeypatch.setattr(kept, "tool_digest", lambda: "another tool")
    assert spy.of(FILES, patches, store) == ["pack.mod:Base.run"]


def test_imports_that_are_spare_depend_on_what_other_files_import(make: Make, spy: Spy, tmp_path: Path) -> None:
    files = with_change("LIMIT = 3", "squeeze = zlib.compress\nLIMIT = 3")
    make(edit("pack.mod:", "squeeze = zlib.compress"), reviewed=False)
    accept(make.folder, "pack.mod:", files, VERSION)
    patches = load_patches(make.folder)
    store = Store(tmp_path / "kept")
    assert spy.of(files, patches, store) and spy.fixed == 1
    assert not spy.of(files, patches, store) and spy.fixed == 0
    used = {**files, "pack/user.py": "from pack.mod import zlib\n"}
    assert not spy.of(used, patches, store) and spy.fixed == 1
    assert "import zlib" in apply_patches(used, patches, VERSION, store=store).files["pack/mod.py"]
    assert "import zlib" not in apply_patches(files, patches, VERSION, store=store).files["pack/mod.py"]


def test_what_is_wrong_is_never_kept(make: Make, tmp_path: Path) -> None:
    store = Store(tmp_path / "kept")
    patches = make(RUN_EDIT, OTHER_EDIT)
    files = with_change("lock = make_lock()", "lock = make_lock(1)")
    for _ in range(2):
        with pytest.raises(ToolError, match="expects 1 of this"):
            apply_patches(files, patches, VERSION, store=store)
        found: Patched = apply_patches(files, patches, VERSION, store=store, tolerant=True)
        assert [each.symbol for each in found.stale] == ["pack.mod:Base.run"]
