"""All files or none, through an interrupt and through a kill."""

from __future__ import annotations

from pathlib import Path

import pytest

from codemods.bump.move import JOURNAL, move, recover
from codemods.errors import ToolError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.txt").write_text("old a")
    (root / "last").write_text("old")
    return root


def finish(root: Path) -> None:
    (root / "last").write_text("new")


def files(root: Path) -> dict[str, str]:
    return {p.relative_to(root).as_posix(): p.read_text() for p in sorted(root.rglob("*")) if p.is_file()}


NEW = {"a.txt": b"new a", "deep/b.txt": b"new b"}


def test_everything_is_written(root: Path, tmp_path: Path) -> None:
    (root / "a.txt").chmod(0o640)
    move(root, tmp_path / "state", NEW, lambda: finish(root), last=("last", b"new"))
    assert files(root) == {"a.txt": "new a", "deep/b.txt": "new b", "last": "new"}
    assert (root / "a.txt").stat().st_mode & 0o777 == 0o640
    assert list((tmp_path / "state").iterdir()) == []


@pytest.mark.parametrize("at", ["a.txt", "deep/b.txt", "last", "finish"])
def test_an_interrupt_puts_everything_back(root: Path, tmp_path: Path, at: str) -> None:
    before = files(root)

    def announce(name: str) -> None:
        if name == at:
            raise KeyboardInterrupt

    def broken() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        move(root, tmp_path / "state", NEW, broken, last=("last", b"new"), announce=announce)
    assert files(root) == before


@pytest.mark.parametrize("through", [False, True])
def test_after_a_kill_the_last_change_decides(root: Path, tmp_path: Path, through: bool) -> None:
    before = files(root)
    state = tmp_path / "state"

    def killed() -> None:
        (tmp_path / "journal").write_bytes((state / JOURNAL).read_bytes())
        finish(root)

    move(root, state, NEW, killed, last=("last", b"new"))
    (state / JOURNAL).write_bytes((tmp_path / "journal").read_bytes())
    if not through:
        (root / "last").write_text("old")
    assert recover(root, state) is not through
    assert files(root) == ({**before, "a.txt": "new a", "deep/b.txt": "new b", "last": "new"} if through else before)
    assert not recover(root, state)


def test_where_the_last_change_changes_nothing_a_kill_is_undone(root: Path, tmp_path: Path) -> None:
    before = files(root)
    state = tmp_path / "state"

    def killed() -> None:
        (tmp_path / "journal").write_bytes((state / JOURNAL).read_bytes())

    move(root, state, NEW, killed, last=("last", b"old"))
    (state / JOURNAL).write_bytes((tmp_path / "journal").read_bytes())
    assert recover(root, state)
    assert files(root) == before


def test_a_damaged_journal_is_named(root: Path, tmp_path: Path) -> None:
    (tmp_path / JOURNAL).write_text("{")
    with pytest.raises(ToolError, match="damaged"):
        recover(root, tmp_path)
