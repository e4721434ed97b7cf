"""Writes docs/migrate.md: what stands at its top, and an entry for each code. Run as a module, in a checkout."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from codemods.migrate.codes import Code, all_codes


def to_markdown() -> str:
    """The page."""
    head = resources.files("codemods.migrate").joinpath("documentation.md").read_text(encoding="utf-8").rstrip("\n")
    changes = [code for code in all_codes().values() if code.kind == "change"]
    findings = [code for code in all_codes().values() if code.kind == "finding"]
    parts = [head, "## What is changed", _index(changes), *map(_entry, changes)]
    parts += ["## What a person must decide", _index(findings), *map(_entry, findings)]
    return "\n\n".join(parts) + "\n"


def _index(codes: list[Code]) -> str:
    rows = [f"| [{code.code}](#{code.code.lower()}) | {code.name} | {code.title} |" for code in codes]
    return "\n".join(["| code | name | what |", "| --- | --- | --- |", *rows])


def _entry(code: Code) -> str:
    parts = [f"### {code.code}", f"**{code.title}** (`{code.name}`). {code.why}"]
    for title, text in (("Before:", code.before), ("After:", code.after)):
        if text is not None:
            parts.append(f"{title}\n\n```python\n{text.strip()}\n```")
    return "\n\n".join(parts)


def main() -> None:
    """Write the page."""
    page = Path(__file__).resolve().parents[2] / "docs" / "migrate.md"
    page.parent.mkdir(exist_ok=True)
    page.write_text(to_markdown(), encoding="utf-8")


if __name__ == "__main__":
    main()
