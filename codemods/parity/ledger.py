"""The tests that differ with good reason: by id, strict both ways.

`tests/parity/ledger.toml` lists every test of upstream's that passes on upstream and does not pass on the converted
package, each by its whole id, with a category, a reason, and the test of ours that covers what is in its place:

    [[test]]
    id = "tests/utils/test_settings.py::test_owner"
    category = "removed by contract"
    reason = "There is no thread that owns the settings: any may configure them."
    covered_by = "tests/generated/test_settings.py::test_any_thread_configures"

A test that fails and is not listed is an error, and so is one that is listed and passes, or is not there.
"""

from __future__ import annotations

import ast
import tomllib
from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationError

from codemods.errors import ToolError
from codemods.parity.model import Compared, Row, Verdict
from codemods.releases import Releases, is_for

LEDGER_FILE = "ledger.toml"
DIFFERENT = frozenset({Verdict.UPSTREAM_ONLY, Verdict.LOST})
"""Verdicts for which a test must be listed."""


class Category(StrEnum):
    """Why a test cannot pass."""

    CONTRACT = "removed by contract"
    """It tests what the async package does not have on purpose: ambient settings, the owner of `configure`."""
    THREADS = "thread mechanics"
    """It tests how threads are used where there are none any more."""
    DEFECT = "upstream defect"
    """It holds upstream to a mistake, or is one itself."""


def _is_id(text: str) -> str:
    if "::" not in text or text != text.strip():
        raise ValueError("an id is path::name, as pytest prints it")
    if "*" in text.partition("[")[0]:
        raise ValueError("an id names one test; there are no wildcards")
    return text


class Listed(Row):
    """One test that differs."""

    id: Annotated[str, AfterValidator(_is_id)]
    category: Category
    reason: Annotated[str, Field(min_length=20)]
    covered_by: Annotated[str, AfterValidator(_is_id)]
    """A test of this repository, of what stands in the place of what was tested."""
    releases: Releases = ""

    def applies(self, version: str) -> bool:
        """Whether it is for a release."""
        return is_for(self.releases, version)


class _File(Row):
    test: tuple[Listed, ...] = ()


class Judgement(Row):
    """What the ledger has against a comparison, and what it lets pass."""

    listed: tuple[str, ...] = ()
    """Ids of tests that differ and are listed."""
    unlisted: tuple[str, ...] = ()
    """Ids of tests that differ and are not."""
    added: tuple[str, ...] = ()
    """Ids that only the converted suite has."""
    stale: tuple[str, ...] = ()
    """Sentences on entries that say what is not so."""

    @property
    def is_clean(self) -> bool:
        """Whether nothing needs a person."""
        return not (self.unlisted or self.added or self.stale)


def load_ledger(path: Path, version: str) -> tuple[Listed, ...]:
    """The entries for a release. A missing file is an empty ledger.

    Raises:
        ToolError: the file is not a ledger, or lists a test twice.
    """
    if not path.is_file():
        return ()
    try:
        read = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError) as error:
        raise ToolError(f"{path} is not valid: {error}", remedy="Mend it: see codemods/parity/ledger.py.") from error
    entries = tuple(entry for entry in read.test if entry.applies(version))
    twice = [test for test, count in Counter(entry.id for entry in entries).items() if count > 1]
    if twice:
        raise ToolError(f"{path} lists {', '.join(twice)} more than once", remedy="Keep one entry for each test.")
    return entries


def judge(compared: Iterable[Compared], entries: Iterable[Listed], root: Path, *, selection: bool = False) -> Judgement:
    """Hold a comparison against the ledger.

    Args:
        compared: the verdict on every test that was run.
        entries: those for the release.
        root: the checkout whose tests `covered_by` names.
        selection: only some tests were run, so that an entry without a test says nothing.
    """
    verdicts = {one.id: one.verdict for one in compared}
    known = {entry.id: entry for entry in entries}
    differ = [test for test, verdict in verdicts.items() if verdict in DIFFERENT]
    return Judgement(
        listed=tuple(test for test in differ if test in known),
        unlisted=tuple(test for test in differ if test not in known),
        added=tuple(test for test, verdict in verdicts.items() if verdict is Verdict.ADDED),
        stale=tuple(
            fault
            for entry in known.values()
            for fault in (_faults(entry, verdicts.get(entry.id), selection), _not_covered(entry, root))
            if fault
        ),
    )


def _faults(entry: Listed, verdict: Verdict | None, selection: bool) -> str:
    if verdict is None:
        return "" if selection else f"{entry.id} is listed, and upstream has no such test"
    if verdict in {Verdict.PASSES_BOTH, Verdict.ASYNC_ONLY}:
        return f"{entry.id} is listed, and passes"
    return ""


def _not_covered(entry: Listed, root: Path) -> str:
    return (
        "" if own_test_exists(root, entry.covered_by) else f"{entry.covered_by}, which covers {entry.id}, is not there"
    )


def own_test_exists(root: Path, test: str) -> bool:
    """Whether a test of ours is there, by its id; its parameters are not looked at.

    Args:
        root: the checkout.
        test: `path::name` or `path::Class::name`.
    """
    path, *names = test.partition("[")[0].split("::")
    file = root / path
    if not file.is_file():
        return False
    scope: ast.AST | None = ast.parse(file.read_bytes())
    for name in names:
        scope = next((node for node in ast.iter_child_nodes(scope) if getattr(node, "name", None) == name), None)
        if scope is None:
            return False
    return True
