"""A second run changes nothing, what is async already stays, and neighbours do not matter: over all cases."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codemods.coloring import Coloring
from codemods.errors import ToolError
from codemods.migrate import migrate
from codemods.migrate.assertions import check_assertions
from codemods.migrate.codes import all_codes, enabled_codes
from tests.migrate.test_cases import CASES, OPEN, cases, read, side

DONE = [case for case in cases() if not (case / OPEN).is_file()]
SINGLE = [case for case in DONE if (case / "before.py").is_file()]
ALONE = [case for case in SINGLE if "pytest.mark.anyio" not in (case / "before.py").read_text("utf-8")]
"""Cases that say nothing of others: a suite's tests get the marker that those beside them have."""


def name(case: Path) -> str:
    return case.relative_to(CASES).as_posix()


def changed(before: dict[str, str], after: dict[str, str]) -> dict[str, str]:
    return {path: text for path, text in after.items() if text != before[path]}


@pytest.mark.parametrize("case", DONE, ids=name)
def test_a_second_run_changes_nothing(case: Path, release: Coloring) -> None:
    """Comments included. What tests check is checked on the way."""
    before = side(case, "before")
    once = migrate(before, release, comments=True)
    again = migrate(once.files, release, comments=True)
    assert changed(once.files, again.files) == {}
    assert {(f.path, f.rule) for f in again.findings} <= {(f.path, f.rule) for f in once.findings}
    check_assertions(
        *({path: text for path, text in files.items() if path.endswith(".py")} for files in (before, once.files))
    )


@pytest.mark.parametrize("case", DONE, ids=name)
def test_what_an_expert_converted_is_left_alone(case: Path, release: Coloring) -> None:
    after = side(case, "after")
    assert changed(after, migrate(after, release).files) == {}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chosen=st.lists(st.sampled_from(ALONE), min_size=2, max_size=6, unique=True), number=st.randoms())
def test_what_stands_beside_a_module_changes_nothing_in_it(
    chosen: list[Path], number: object, get_release: Callable[[], Coloring]
) -> None:
    """Modules that do not import each other are converted as each is alone, in whatever order they come."""
    alone = {
        path: text for case in chosen for path, text in migrate(read(case / "before"), get_release()).files.items()
    }
    together = {path: text for case in chosen for path, text in read(case / "before").items()}
    paths = list(together)
    number.shuffle(paths)  # type: ignore[attr-defined]
    assert migrate({path: together[path] for path in paths}, get_release()).files == alone


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    case=st.sampled_from(SINGLE),
    off=st.sets(st.sampled_from(sorted(code for code in all_codes() if code not in ("DA101", "DA501"))), max_size=4),
)
def test_with_rules_switched_off_it_is_still_python(
    case: Path, off: set[str], get_release: Callable[[], Coloring]
) -> None:
    """But for `await` outside of coroutines, where the rules that make coroutines are among them."""
    try:
        result = migrate(read(case / "before"), get_release(), enabled=enabled_codes(disable=off), comments=True)
    except ToolError as error:
        pytest.fail(f"{name(case)} without {off}: {error}")
    for path, text in result.files.items():
        ast.parse(text, path)
        assert not set(result.changes[path]) & off
