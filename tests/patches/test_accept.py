"""What is written down of a review."""

from __future__ import annotations

from pathlib import Path

import pytest

from codemods.errors import ToolError
from codemods.patches import accept, apply_patches, load_patches
from codemods.patches.model import EditPatch, RemovePatch
from tests.patches.support import FILES, RUN_EDIT, VERSION, Make, edit, with_change


def test_accept_rewrites_the_hash_and_nothing_else(make: Make, tmp_path: Path) -> None:
    make(RUN_EDIT, 'kind = "remove"\nsymbol = "pack.mod:helper"')
    path = tmp_path / "a.toml"
    path.write_text("# what stays\n" + path.read_text())
    before = path.read_text().splitlines()
    later = with_change("make_lock()\n", "make_lock()\n        again()\n")
    assert accept(tmp_path, "pack.mod:Base.run", later, "3.4.0") == ("a.toml:2",)
    after = path.read_text().splitlines()
    new = [line for line in after if line not in before]
    assert len(new) == 1
    assert new[0].startswith('"3.4.0" = "')
    assert [line for line in after if line not in new] == before
    assert apply_patches(later, load_patches(tmp_path), "3.4.0").applied
    assert accept(tmp_path, "pack.mod:Base.run", later, "3.4.0") == ("a.toml:2",)
    assert path.read_text().splitlines() == after


def test_accept_of_something_that_is_not_patched(make: Make, tmp_path: Path) -> None:
    make(RUN_EDIT)
    with pytest.raises(ToolError, match=r"no patch for pack.mod:Base.ru (.|\n)*like it: pack.mod:Base.run"):
        accept(tmp_path, "pack.mod:Base.ru", FILES, VERSION)


def test_releases_are_reviewed_in_their_order_and_a_change_is_shown_from_the_one_before(
    make: Make, tmp_path: Path
) -> None:
    make(RUN_EDIT)
    versions = {"3.10.0": "with lock(10) as held:", "3.2.0": "with lock(2) as held:"}
    later = with_change("with lock as held:", "with lock(4) as held:")
    for version, lock in versions.items():
        accept(tmp_path, "pack.mod:Base.run", with_change("with lock as held:", lock), version)
    known = [line.split()[0] for line in (tmp_path / "a.toml").read_text().splitlines() if line.startswith('"')]
    assert known == ['"3.2.0"', '"3.3.1"', '"3.10.0"']
    with pytest.raises(ToolError, match=r"--- DSPy 3\.3\.1\n\+\+\+ DSPy 3\.4\.0"):
        apply_patches(later, load_patches(tmp_path), "3.4.0", reviewed=lambda version: FILES)
    with pytest.raises(ToolError, match=r"--- DSPy 3\.2\.0\n\+\+\+ DSPy 3\.1\.0"):
        apply_patches(later, load_patches(tmp_path), "3.1.0", reviewed=lambda version: FILES)


@pytest.mark.parametrize("table", ["[patch.reviewed]\n", "[patch.reviewed]\n# to be done\n", ""])
def test_a_table_of_reviews_that_is_empty_is_filled(make: Make, tmp_path: Path, table: str) -> None:
    make(RUN_EDIT, 'kind = "remove"\nsymbol = "pack.mod:helper"', reviewed=False)
    path = tmp_path / "a.toml"
    path.write_text(path.read_text().replace('\n[[patch]]\nkind = "remove"', f'\n{table}\n[[patch]]\nkind = "remove"'))
    for version in (VERSION, "3.4.0"):
        accept(tmp_path, "pack.mod:Base.run", FILES, version)
    text = path.read_text()
    assert text.count("[patch.reviewed]") == 1
    assert text.count("# to be done") == table.count("#")
    edited, removed = load_patches(tmp_path).patches
    assert isinstance(edited.patch, EditPatch) and list(edited.patch.reviewed) == [VERSION, "3.4.0"]
    assert isinstance(removed.patch, RemovePatch) and removed.patch.reviewed == {}


def test_nothing_is_accepted_of_a_patch_that_does_not_fit(make: Make, tmp_path: Path) -> None:
    make(RUN_EDIT, edit("pack.mod:Base.run", "return [inner(item) for item in items]", "return []"))
    before = (tmp_path / "a.toml").read_text()
    later = with_change("return [inner(item) for item in items]", "return items")
    with pytest.raises(ToolError, match="there are 0"):
        accept(tmp_path, "pack.mod:Base.run", later, "3.4.0")
    assert (tmp_path / "a.toml").read_text() == before
