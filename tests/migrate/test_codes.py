"""Every change and every finding has a code, and what the codes' table promises is what happens."""

from __future__ import annotations

import ast
import dataclasses
from pathlib import Path

import pytest

import codemods
from codemods.coloring import Coloring
from codemods.errors import UsageError
from codemods.migrate import codes, migrate
from codemods.migrate.codes import Code, all_codes, enabled_codes
from codemods.migrate.documentation import to_markdown
from codemods.plan import CallPlan, FilePlan, FunctionPlan, WithPlan

ROOT = Path(codemods.__file__).resolve().parents[1]
EXAMPLES = [code for code in all_codes().values() if code.before is not None]


@pytest.mark.parametrize("code", EXAMPLES, ids=lambda code: code.name)
def test_the_example_of_a_code_is_what_happens(code: Code, release: Coloring) -> None:
    assert code.before is not None
    path = "test_sample.py" if "def test_" in code.before else "sample.py"
    result = migrate({path: code.before}, release)
    assert result.files[path] == code.after
    assert result.changes[path][code.code] >= 1


@pytest.mark.parametrize("code", EXAMPLES, ids=lambda code: code.name)
def test_without_the_code_it_does_not_happen(code: Code, release: Coloring) -> None:
    assert code.before is not None
    path = "test_sample.py" if "def test_" in code.before else "sample.py"
    result = migrate({path: code.before}, release, enabled=enabled_codes(disable=[code.code]))
    assert result.changes[path][code.code] == 0
    assert result.files[path] != code.after


def test_every_change_has_an_example() -> None:
    assert [
        code.code for code in all_codes().values() if code.kind == "change" and not (code.before and code.after)
    ] == []


def test_names_and_rules_are_unique() -> None:
    names = [code.name for code in all_codes().values()]
    rules = [rule for code in all_codes().values() for rule in code.rules]
    assert len(names) == len(set(names)) and len(rules) == len(set(rules))


def test_every_finding_of_the_engine_has_a_code() -> None:
    """The names are the first arguments of `Finding(...)` and of the planner's and the coloring's own helpers."""
    named: set[str] = set()
    for path in sorted((ROOT / "codemods").rglob("*.py")):
        if "verify" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and node.args
                and ast.unparse(node.func).split(".")[-1] in ("Finding", "finding", "_wall")
            ):
                first = node.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    named.add(first.value)
    assert len(named) > 5
    assert {rule for rule in named if codes.code_of(rule) == codes.OTHER} == set()


def test_every_edit_of_a_plan_has_a_code() -> None:
    """A field that is added to a plan has to be counted, and switched off, in `codes.restrict`."""
    text = Path(codes.__file__).read_text("utf-8")
    # How an edit is made, and not whether.
    manner = {"positional_only", "receiver", "before", "checked", "iterator_module", "index", "path", "annotation"}
    manner |= {"own_package", "findings", "matches", "imports", "docstrings", "helpers", "settings_name"}
    fields = {each.name for kind in (FilePlan, FunctionPlan, CallPlan, WithPlan) for each in dataclasses.fields(kind)}
    assert {name for name in fields - manner if f".{name}" not in text and f'"{name}"' not in text} == set()


def test_codes_are_chosen_by_their_beginning() -> None:
    assert enabled_codes(["DA101, da4"]) == {"DA101", *(code for code in all_codes() if code.startswith("DA4"))}
    assert enabled_codes(disable=["DA"]) == frozenset()
    assert enabled_codes() == set(all_codes())
    with pytest.raises(UsageError, match="DA7 is no code"):
        enabled_codes(["DA7"])


def test_the_page_is_what_the_table_says() -> None:
    """Write it with: python -m codemods.migrate.documentation"""
    assert (ROOT / "docs" / "migrate.md").read_text("utf-8") == to_markdown()
