"""Programs as their authors wrote them, beside what an expert makes of them by hand; `migrate` does the same.

A case is a folder below `cases/`: `before.py` and `after.py`, or folders `before/` and `after/` of several files.
Beside them may lie

* `findings.txt`: what a person is told, a line each, `file:line: rule`, with a piece of the message where it matters;
* `xfail.txt`: why `migrate` does not do so yet. It is strict: a case that works must lose it.

A case without `after` is one that stays byte for byte.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from codemods.errors import ToolError
from codemods.migrate import migrate
from codemods.stages import Finding
from codemods.verify.arguments import wrong_arguments
from codemods.verify.awaits import lost_coroutines
from codemods.verify.defects import Defect
from codemods.verify.model import Package
from tests.support.library import Library

CASES = Path(__file__).parent / "cases"
OPEN = "xfail.txt"
FINDINGS = "findings.txt"


def read(place: Path) -> dict[str, str]:
    """The files of one side of a case, by path: a folder's, or the one file under the case's name."""
    if place.is_dir():
        found = sorted(file for file in place.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
        return {file.relative_to(place).as_posix(): file.read_text("utf-8") for file in found}
    return {f"{place.parent.name}.py": place.with_suffix(".py").read_text("utf-8")}


def side(case: Path, name: str) -> dict[str, str]:
    """`before` or `after`; what has no `after` stays as it is."""
    there = (case / name).is_dir() or (case / f"{name}.py").is_file()
    return read(case / (name if there else "before"))


def cases() -> list[Path]:
    return sorted(place.parent for place in CASES.rglob("before*") if place.name in ("before", "before.py"))


def parameters(*, may_fail: bool) -> list[object]:
    return [
        pytest.param(case, id=case.relative_to(CASES).as_posix(), marks=marks(case) if may_fail else [])
        for case in cases()
    ]


def marks(case: Path) -> list[pytest.MarkDecorator]:
    if not (case / OPEN).is_file():
        return []
    reason = (case / OPEN).read_text("utf-8").strip()
    return [pytest.mark.xfail(strict=True, reason=reason, raises=(AssertionError, ToolError))]


def expected_findings(case: Path) -> list[str]:
    listed = case / FINDINGS
    lines = listed.read_text("utf-8").splitlines() if listed.is_file() else []
    return [line for line in lines if line.strip() and not line.startswith("#")]


def said(findings: Iterable[Finding], expected: list[str]) -> list[str]:
    """What was found, in the words of `expected` where they fit, in full where not."""
    left, words = list(expected), list[str]()
    for finding in findings:
        full = f"{finding.path}:{finding.line}: {finding.rule}: {finding.message}"
        fitting = next((text for text in left if fits(text, full)), None)
        if fitting is not None:
            left.remove(fitting)
        words.append(fitting or full)
    return sorted(words)


def fits(expected: str, full: str) -> bool:
    """Whether the place and rule are these, and the message has the words behind them."""
    place, rule, words = [*expected.split(": ", 2), ""][:3]
    return full.startswith(f"{place}: {rule}: ") and words in full


def shown(files: Mapping[str, str]) -> list[str]:
    return [line for path, text in sorted(files.items()) for line in [f"=== {path}\n", *text.splitlines(keepends=True)]]


def assert_same(wanted: list[str], found: list[str]) -> None:
    assert found == wanted, "".join(difflib.unified_diff(wanted, found, "expected\n", "found\n", n=4))


@pytest.fixture(scope="session")
def generated(library: Library) -> Package:
    """The model by which what is generated is checked; it shares nothing with the engine."""
    return Package({path: ast.parse(text, path) for path, text in library.files.items()})


def unsound(files: Mapping[str, str], generated: Package, told: Iterable[str] = ()) -> list[str]:
    """What is certainly wrong with a program: it does not compile, loses a coroutine, or calls with wrong arguments.

    What a person is told about, at the same place, is left out.
    """
    trees = {path: ast.parse(text, path) for path, text in files.items() if path.endswith(".py")}
    program, defects = generated.with_program(trees), list[Defect]()
    for path, tree in trees.items():
        compile(tree, path, "exec", dont_inherit=True)
        module = program.module_at(path)
        defects += [*lost_coroutines(program, module), *wrong_arguments(program, module)]
    places = {":".join(line.split(":")[:2]) for line in told}
    return [str(defect) for defect in defects if f"{defect.path}:{defect.line}" not in places]


@pytest.mark.parametrize("case", parameters(may_fail=True))
def test_as_an_expert_would(case: Path, library: Library, generated: Package) -> None:
    before, after = side(case, "before"), side(case, "after")
    found = migrate(before, library.coloring)
    again = migrate(found.files, library.coloring)
    findings = expected_findings(case)
    changed = {path: text for path, text in again.files.items() if text != found.files.get(path)}
    assert_same(
        [*shown(after), "=== findings\n", *(f"{line}\n" for line in sorted(findings)), "=== changed again\n"],
        [
            *shown(found.files),
            "=== findings\n",
            *(f"{line}\n" for line in said(found.findings, findings)),
            "=== changed again\n",
            *shown(changed),
        ],
    )
    assert unsound(found.files, generated, findings) == []


@pytest.mark.parametrize("case", parameters(may_fail=False))
def test_what_the_expert_wrote(case: Path, generated: Package) -> None:
    """Whatever `migrate` does: the expected form parses, awaits what it makes, and gives calls what they take."""
    assert unsound(side(case, "after"), generated, expected_findings(case)) == []


def test_there_are_as_many_as_were_asked_for() -> None:
    assert len(cases()) >= 60
