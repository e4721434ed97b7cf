"""Every form of the report tells the same, and is safe whatever tests are called."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from codemods.parity.ledger import Judgement
from codemods.parity.model import Verdict
from codemods.parity.report import ParityReport, to_html, to_markdown, to_terminal, write_report
from tests.parity.reports import BAD, HOSTILE_TEST, LISTED, make


def terminal(report: ParityReport) -> str:
    console = Console(width=200, record=True, file=Path("/dev/null").open("w"))  # noqa: SIM115
    console.print(to_terminal(report))
    return console.export_text()


@pytest.mark.parametrize("form", [terminal, to_markdown, to_html])
def test_every_form_tells_the_totals_the_causes_and_the_notes(form: object) -> None:
    text = form(make())  # type: ignore[operator]
    for told in ("2.0.1", "dspy/predict/react.py:12", "TypeError", "a note on the run", "1.10"):
        assert told in text, told


@pytest.mark.parametrize("form", [to_markdown, to_html])
def test_the_files_tell_everything(form: object) -> None:
    text = form(make())  # type: ignore[operator]
    assert "7 to look at" in text
    for told in (BAD, LISTED, "removed by contract", "There is no owner of settings.", "tests/own.py::test", "2.0.0"):
        assert told in text, told
    for told in ("OSError: no network", "needs a model", "dspy/a.py:1: time.sleep", "tests/test_b.py::test_new"):
        assert told in text, told


@pytest.mark.parametrize("form", [to_markdown, to_html])
def test_a_clean_run_says_so(form: object) -> None:
    report = make(judgement=Judgement(listed=(LISTED,)), causes=(), since=None)
    report = report.model_copy(update={"results": report.results.model_copy(update={"strict": None})})
    assert report.problems == ()
    text = form(report)  # type: ignore[operator]
    assert "nothing to look at" in text.lower()
    assert "no earlier one" in text


def test_markdown_tables_keep_their_shape() -> None:
    text = to_markdown(make())
    tables = re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE)
    assert len(tables) == 5
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1, table
    assert "<script>" not in "\n".join(tables)


def test_modules_are_told_with_what_differs() -> None:
    modules = {module.path: module for module in make().modules}
    assert list(modules) == ["tests/predict/test_react.py", "tests/test_a.py", "tests/test_b.py"]
    assert (modules["tests/predict/test_react.py"].total, modules["tests/predict/test_react.py"].differs) == (2, 2)
    assert modules["tests/test_b.py"].counts[Verdict.ASYNC_ONLY] == 1


def test_the_page_is_well_formed_and_holds_its_data_safely() -> None:
    text = to_html(make())
    opened: list[str] = []
    scripts: list[str] = []

    class Parser(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag not in {"meta", "br", "input"}:
                opened.append(tag)
            assert tag not in {"link", "img", "iframe"}
            assert not {"src", "href", "onerror"} & {name for name, _ in attrs}

        def handle_endtag(self, tag: str) -> None:
            assert opened.pop() == tag

        def handle_data(self, data: str) -> None:
            if opened and opened[-1] == "script":
                scripts.append(data)

    Parser().feed(text)
    assert opened == []
    assert len(scripts) == 2
    rows = {row["id"]: row for row in json.loads(scripts[0])}
    assert rows[HOSTILE_TEST]["async"]["text"].startswith("text of </script>")
    assert rows["tests/test_b.py::test_gone"]["async"] is None


def test_written_in_three_forms(tmp_path: Path) -> None:
    report = make()
    write_report(report, tmp_path / "deep" / "report")
    folder = tmp_path / "deep" / "report"
    assert sorted(path.name for path in folder.iterdir()) == ["parity.html", "parity.json", "parity.md"]
    assert ParityReport.model_validate_json((folder / "parity.json").read_bytes()) == report
