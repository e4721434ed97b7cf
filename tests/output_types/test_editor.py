"""What `docs/guide/editor.md` says a type checker finds in a program; in the examples it finds nothing of the kind."""

from __future__ import annotations

import re
from pathlib import Path

from tests.output_types.release import Release
from tests.support.pages import blocks

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = REPOSITORY / "docs" / "guide" / "editor.md"
MISUSE = {"reportUnusedCoroutine", "reportAttributeAccessIssue", "reportIndexIssue", "reportGeneralTypeIssues"}


def test_the_page_is_right(release: Release) -> None:
    (program,) = blocks(PAGE, "python")
    expected = {
        (number, found[1])
        for number, line in enumerate(program.text.splitlines(), 1)
        if (found := re.search(r"# (report\w+)$", line))
    }
    assert len(expected) == 7
    diagnosed = release.checker.diagnose({**release.files, "program.py": program.text}, only={"program.py"})
    assert {(each.line, each.rule) for each in diagnosed} == expected, diagnosed


def test_no_example_forgets_an_await(release: Release) -> None:
    """Other errors there are upstream's annotations; a coroutine taken for its result would be the example's."""
    programs = {
        f"example_{path.parent.name}_{path.name}": path.read_text("utf-8")
        for name in ("main.py", "service.py")
        for path in (REPOSITORY / "examples").glob(f"*/{name}")
    }
    assert len(programs) == 5
    diagnosed = release.checker.diagnose({**release.files, **programs}, only=set(programs))
    assert [each for each in diagnosed if each.rule in MISUSE and "Coroutine" in each.message] == []
    assert [each for each in diagnosed if each.rule == "reportUnusedCoroutine"] == []
