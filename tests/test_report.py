from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from codemods.emit import Lock, LockedSource
from codemods.report import (
    Changes,
    Counts,
    PatchRow,
    Place,
    Report,
    RuleRow,
    Verified,
    compare_locks,
    read_report,
    subpackages,
    to_html,
    to_markdown,
    to_terminal,
    write_report,
)

HOSTILE = "<script>alert(1)</script> [bold]a|b"


def make(**changes: object) -> Report:
    packages, total = subpackages(
        {
            "dspy/__init__.py": Counts(name="", functions=1),
            "dspy/predict/react.py": Counts(name="", functions=8, coroutines=3, settings=4, awaits=5),
            "dspy/predict/flex/flex.py": Counts(name="", functions=2, coroutines=1, settings=1, awaits=1),
        }
    )
    values: dict[str, object] = {
        "version": "2.0.1",
        "origin": "sdist",
        "source_sha256": "a" * 64,
        "tool": "0.1.0",
        "packages": packages,
        "total": total,
        "patches": (PatchRow(symbol="dspy.a:B.c", kind="replace", reason=HOSTILE, matches=1, lines=4),),
        "unresolved": (),
        "findings": (),
        "rules": (RuleRow(rule="name metric", expected="some", matches=7),),
        "verified": Verified(files=3, coroutines=4, imported=3, skipped=("import: no environment",)),
        "seconds": {"source": 0.25, "convert": 12.0},
        "notes": ("the source archive is used",),
    }
    return Report.model_validate({**values, **changes})


def terminal(report: Report) -> str:
    console = Console(width=160, record=True, file=Path("/dev/null").open("w"))  # noqa: SIM115
    console.print(to_terminal(report))
    return console.export_text()


def lock(version: str, **files: str) -> Lock:
    source = LockedSource(version=version, commit=None, sdist_sha256=None, source_sha256="b" * 64)
    return Lock(upstream=source, tool="0.1.0", files=files)


def test_counts_are_summed_by_subpackage() -> None:
    report = make()
    assert [(c.name, c.files, c.functions) for c in report.packages] == [("dspy", 1, 1), ("dspy.predict", 2, 10)]
    total = report.total
    assert (total.files, total.functions, total.coroutines, total.settings, total.awaits) == (3, 11, 4, 5, 6)


@pytest.mark.parametrize("form", [terminal, to_markdown, to_html])
def test_every_form_tells_the_same(form: object) -> None:
    place = Place(rule="unknown call", path="dspy/x.py", line=12, message="self.fn has no type")
    wall = Place(rule="wall", path="dspy/y.py", line=3, message="a property cannot wait")
    defect = Place(rule="await", path="dspy/z.py", line=9, message="never awaited")
    text = form(  # type: ignore[operator]
        make(
            unresolved=(place,),
            findings=(wall,),
            verified=Verified(files=3, coroutines=4, imported=2, defects=(defect,), skipped=("import: offline",)),
            changes=Changes(version="1.9.0", tool="0.1.0", changed=("dspy/x.py",)),
        )
    )
    assert "3 to look at" in text
    for told in ("2.0.1", "dspy.predict", "dspy/x.py:12", "dspy/y.py:3", "dspy/z.py:9", "no type", "cannot wait"):
        assert told in text
    for told in ("import: offline", "1.9.0", "the source archive is used", "convert", "12.0", "sdist"):
        assert told in text


def test_a_clean_run_says_so() -> None:
    for text in (terminal(make()), to_markdown(make()), to_html(make())):
        assert "nothing to look at" in text.lower()


def test_markdown_tables_keep_their_shape() -> None:
    text = to_markdown(make())
    row = next(line for line in text.splitlines() if "dspy.a:B.c" in line)
    assert len(re.findall(r"(?<!\\)\|", row)) == 6
    assert "<script>" not in text
    tables = re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE)
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1
    assert len(tables) == 4


def test_page_is_well_formed_escaped_and_needs_nothing_else() -> None:
    text = to_html(make())
    opened: list[str] = []

    class Parser(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag not in {"meta", "link", "br"}:
                opened.append(tag)
            assert tag not in {"script", "link", "img", "iframe"}
            assert not {"src", "href"} & {name for name, _ in attrs}

        def handle_endtag(self, tag: str) -> None:
            assert opened.pop() == tag

    Parser().feed(text)
    assert opened == []
    assert "&lt;script&gt;" in text
    assert text.startswith("<!DOCTYPE html>")


def test_terminal_takes_no_markup_from_messages() -> None:
    place = Place(rule="r", path="p", line=1, message="[bold]x[/nonsense]")
    assert "[bold]x[/nonsense]" in terminal(make(findings=(place,)))


def test_changes_since_the_previous_sync() -> None:
    previous = make(patches=(PatchRow(symbol="gone", kind="edit", reason="r", matches=1, lines=1),))
    old, new = lock("1.9.0", a="1", b="1", c="1"), lock("2.0.1", b="2", c="1", d="1")
    changes = compare_locks(old, new, previous, make().patches)
    assert changes == Changes(
        version="1.9.0",
        tool="0.1.0",
        added=("d",),
        removed=("a",),
        changed=("b",),
        patches_added=("dspy.a:B.c",),
        patches_removed=("gone",),
        before=previous.total,
    )
    assert compare_locks(None, new, None, ()) is None
    # With the lock alone nothing is said of patches: what they were is not known.
    only_lock = compare_locks(old, new, None, make().patches)
    assert only_lock is not None
    assert (only_lock.patches_added, only_lock.before) == ((), None)
    same = compare_locks(old, old, None, ())
    assert same is not None
    assert same.is_empty


@pytest.mark.parametrize("form", [to_markdown, to_html])
def test_lists_of_changes_are_shown(form: object) -> None:
    changes = compare_locks(lock("1.9.0", a="1", b="1"), lock("2.0.1", b="2", d="1"), make(), ())
    text = form(make(changes=changes))  # type: ignore[operator]
    for told in ("1 files changed", "1 files added", "1 files removed", "1 patches removed", "dspy.a:B.c"):
        assert told in text
    assert "4 → 4" in text


def test_written_and_read_back(tmp_path: Path) -> None:
    report = make()
    write_report(report, tmp_path / "report")
    assert sorted(p.name for p in (tmp_path / "report").iterdir()) == ["report.html", "report.json", "report.md"]
    assert read_report(tmp_path) == report
    (tmp_path / "report/report.json").write_text('{"version": 1}')
    assert read_report(tmp_path) is None
    assert read_report(tmp_path / "nowhere") is None
