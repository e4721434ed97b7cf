"""Both sides held against each other: one verdict for each id, one row for each cause."""

from __future__ import annotations

import pytest

from codemods.parity.compare import causes, compare, differing, with_reruns
from codemods.parity.model import Compared, Outcome, Side, Status, Verdict
from tests.parity.support import failed, run_of

FILE = "tests/test_a.py::"


def verdicts(
    upstream: dict[str, str | Outcome],
    converted: dict[str, str | Outcome],
    lost: dict[str, dict[str, str]] | None = None,
) -> dict[str, tuple[Verdict, str]]:
    compared = compare(run_of(Side.UPSTREAM, upstream), run_of(Side.ASYNC, converted), lost or {})
    return {one.id: (one.verdict, one.why) for one in compared}


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ("passed", "passed", Verdict.PASSES_BOTH),
        ("passed", "failed", Verdict.UPSTREAM_ONLY),
        ("passed", "error", Verdict.UPSTREAM_ONLY),
        ("passed", "crashed", Verdict.UPSTREAM_ONLY),
        ("passed", "timeout", Verdict.UPSTREAM_ONLY),
        ("xfailed", "xfailed", Verdict.PASSES_BOTH),
        ("xfailed", "failed", Verdict.UPSTREAM_ONLY),
        ("failed", "passed", Verdict.ASYNC_ONLY),
        ("skipped", "passed", Verdict.ASYNC_ONLY),
        ("failed", "error", Verdict.FAILS_BOTH),
        ("failed", "skipped", Verdict.FAILS_BOTH),
        ("skipped", "failed", Verdict.FAILS_BOTH),
    ],
)
def test_verdicts(before: str, after: str, verdict: Verdict) -> None:
    assert verdicts({f"{FILE}test": before}, {f"{FILE}test": after}) == {f"{FILE}test": (verdict, "")}


def test_skipped_on_both_sides_keeps_the_reason() -> None:
    test = f"{FILE}test"
    skipped = Outcome(id=test, status=Status.SKIPPED, reason="needs a model")
    assert verdicts({test: skipped}, {test: skipped}) == {test: (Verdict.SKIPPED, "needs a model")}


def test_skipped_on_the_async_side_only_is_lost() -> None:
    test = f"{FILE}test"
    skipped = Outcome(id=test, status=Status.SKIPPED, reason="no plugin for coroutines")
    why = "skipped on the async side only: no plugin for coroutines"
    assert verdicts({test: "passed"}, {test: skipped}) == {test: (Verdict.LOST, why)}


def test_a_renamed_test_is_lost_and_added() -> None:
    assert verdicts({f"{FILE}test_old": "passed"}, {f"{FILE}test_new": "passed"}) == {
        f"{FILE}test_new": (Verdict.ADDED, "upstream has no test of this name"),
        f"{FILE}test_old": (Verdict.LOST, "not collected"),
    }


def test_a_file_that_does_not_import_loses_its_tests_and_says_why() -> None:
    error = failed("tests/test_a.py", "SyntaxError", "invalid syntax").model_copy(update={"status": Status.UNCOLLECTED})
    assert verdicts({f"{FILE}test": "passed"}, {"tests/test_a.py": error}) == {
        "tests/test_a.py": (Verdict.LOST, "its file is not collected"),
        f"{FILE}test": (Verdict.LOST, "not collected: SyntaxError: invalid syntax"),
    }


def test_fewer_assertions_are_lost_though_the_test_passes() -> None:
    lost = {"tests/test_a.py": {"TestGroup.test": "1 of 2 assertions", "test_other": "0 of 1 assertions"}}
    group, plain = f"{FILE}TestGroup::test[x-1]", f"{FILE}test"
    found = verdicts({group: "passed", plain: "passed"}, {group: "passed", plain: "passed"}, lost)
    assert found == {group: (Verdict.LOST, "1 of 2 assertions"), plain: (Verdict.PASSES_BOTH, "")}


def test_a_helper_with_fewer_assertions_loses_every_test_of_its_file() -> None:
    lost = {"tests/test_a.py": {"check": "0 of 3 assertions"}}
    found = verdicts({f"{FILE}test": "passed"}, {f"{FILE}test": "passed"}, lost)
    assert found == {f"{FILE}test": (Verdict.LOST, "check has 0 of 3 assertions")}


def test_reruns_tell_flaky_tests_and_the_majority_counts() -> None:
    one, two = f"{FILE}test_one", f"{FILE}test_two"
    upstream = run_of(Side.UPSTREAM, {one: "passed", two: "passed"})
    first = run_of(Side.ASYNC, {one: "failed", two: "failed"})
    assert differing(compare(upstream, first, {})) == [one, two]
    again = [run_of(Side.ASYNC, {one: "passed", two: "failed"}), run_of(Side.ASYNC, {one: "passed"})]
    merged = with_reruns(first, again)
    assert merged.outcomes[one].again == (Status.PASSED, Status.PASSED)
    compared = {test.id: test for test in compare(upstream, merged, {})}
    assert (compared[one].verdict, compared[one].is_flaky) == (Verdict.PASSES_BOTH, True)
    assert (compared[two].verdict, compared[two].is_flaky) == (Verdict.UPSTREAM_ONLY, False)


def test_one_pass_out_of_two_is_no_majority() -> None:
    outcome = Outcome(id="t", status=Status.FAILED, again=(Status.PASSED,))
    assert outcome.is_flaky
    assert not outcome.is_good


def test_what_passes_on_one_side_or_was_ended_is_run_again_and_files_are_not() -> None:
    upstream = {f"{FILE}a": "failed", f"{FILE}b": "passed", f"{FILE}c": "failed", f"{FILE}d": "timeout"}
    converted = {f"{FILE}a": "passed", f"{FILE}b": "failed", f"{FILE}c": "failed", f"{FILE}d": "crashed"}
    gone = {"tests/test_b.py": "uncollected"}
    compared = compare(run_of(Side.UPSTREAM, {**upstream, **gone}), run_of(Side.ASYNC, {**converted, **gone}), {})
    assert differing(compared) == [f"{FILE}a", f"{FILE}b", f"{FILE}d"]


# --- causes -----------------------------------------------------------------------------------------------------------


def grouped(*outcomes: Outcome) -> list[tuple[int, str, str]]:
    compared = [Compared(id=one.id, verdict=Verdict.UPSTREAM_ONLY, converted=one) for one in outcomes]
    return [(len(cause.ids), cause.place, cause.error) for cause in causes(compared)]


def test_one_cause_is_one_row_named_by_the_innermost_frame_of_the_package() -> None:
    ways = [("tests/a.py", n, f"test_{n}") for n in range(3)]
    outer, inner = ("dspy/predict/predict.py", 10, "Predict.forward"), ("dspy/clients/lm.py", 7, "LM.forward")
    helper = ("tests/helper.py", 3, "stub")
    rows = grouped(
        failed("t0", "TypeError", "stub_0.<locals>.f() takes 1", ways[0], outer, inner, helper),
        failed("t1", "TypeError", "stub_1.<locals>.f() takes 1", ways[1], inner),
        failed("t2", "TypeError", "stub_2.<locals>.f() takes 1", ways[2], outer),
    )
    assert rows == [
        (2, "dspy/clients/lm.py:7 in LM.forward", "TypeError: stub_0.<locals>.f() takes 1"),
        (1, "dspy/predict/predict.py:10 in Predict.forward", "TypeError: stub_2.<locals>.f() takes 1"),
    ]


def test_different_errors_at_one_place_are_different_causes() -> None:
    frame = ("dspy/a.py", 1, "f")
    assert len(grouped(failed("a", "KeyError", "'x'", frame), failed("b", "ValueError", "x", frame))) == 2


def test_what_differs_from_test_to_test_in_a_message_does_not_count() -> None:
    frame = ("dspy/a.py", 1, "f")
    rows = grouped(
        failed("a", "ValueError", "[openai/a] got 12 of 'x' at 0x7f01", frame),
        failed("b", "ValueError", "[openai/b] got 7 of 'y' at 0x7f02", frame),
    )
    assert [count for count, _, _ in rows] == [2]


def test_names_in_a_type_error_do() -> None:
    frame = ("dspy/a.py", 1, "f")
    rows = grouped(
        failed("a", "TypeError", "no argument 'x'", frame), failed("b", "TypeError", "no argument 'y'", frame)
    )
    assert [count for count, _, _ in rows] == [1, 1]


def test_failures_in_tests_are_grouped_by_their_error_and_assertions_stay_with_their_file() -> None:
    rows = grouped(
        failed("a", "TypeError", "not awaited", ("tests/a.py", 1, "test_a")),
        failed("b", "TypeError", "not awaited", ("tests/b.py", 2, "test_b")),
        failed("c", "AssertionError", "assert 1 == 2", ("tests/c.py", 3, "test_c")),
        failed("d", "AssertionError", "assert 1 == 2", ("tests/d.py", 4, "test_d")),
    )
    assert [count for count, _, _ in rows] == [2, 1, 1]
