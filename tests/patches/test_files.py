"""Files that coroutines write."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from blockbuster import blockbuster_ctx

from tests.patches.conftest import PATCHES, load


@pytest.fixture
def files(runtime: SimpleNamespace) -> ModuleType:
    return load("dspy.utils.files", PATCHES / "additions/dspy/utils/files.py")


@pytest.mark.parametrize("newline", [None, "", "\r\n"])
async def test_what_is_written_is_what_open_writes(files: ModuleType, tmp_path: Path, newline: str | None) -> None:
    text = "a,ä\r\nb\n"
    with (tmp_path / "expected").open("w", newline=newline) as expected:
        expected.write(text)
    (tmp_path / "file").write_text("much more than is written to it now")
    async with files.text_file(str(tmp_path / "file"), newline=newline) as file:
        file.write(text[:2])
        file.write(text[2:])
    assert (tmp_path / "file").read_bytes() == (tmp_path / "expected").read_bytes()


async def test_the_loop_is_not_blocked(files: ModuleType, tmp_path: Path) -> None:
    with blockbuster_ctx():
        async with files.text_file(tmp_path / "file") as file:
            file.write("x" * 1_000_000)
    assert await asyncio.to_thread((tmp_path / "file").read_text) == "x" * 1_000_000


async def test_nothing_is_written_after_an_error(files: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        async with files.text_file(tmp_path / "file") as file:
            file.write("half")
            raise KeyError("x")
    assert not (tmp_path / "file").exists()


async def test_a_folder_that_is_not_there(files: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        async with files.text_file(tmp_path / "no" / "file") as file:
            file.write("x")
