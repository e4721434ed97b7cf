"""A report with a test for each verdict, and names that would break a page that trusts them."""

from __future__ import annotations

from codemods.parity.compare import causes, compare, with_reruns
from codemods.parity.ledger import DIFFERENT, Category, Judgement, Listed
from codemods.parity.model import Outcome, Side, Status, Verdict
from codemods.parity.report import ParityReport
from codemods.parity.results import Since, Strict, rows, totals
from tests.parity.support import failed, results, run_of

HOSTILE = "</script><script>window.broken = true</script> a|b <b>"
HOSTILE_TEST = "tests/test_a.py::test_hostile[</script><img src=x onerror=window.broken=1>|]"
BAD, LISTED = "tests/predict/test_react.py::test_bad", "tests/predict/test_react.py::test_listed"


def make(**changes: object) -> ParityReport:
    """A report; `changes` go into its fields."""
    frame = ("dspy/predict/react.py", 12, "ReAct.forward")
    upstream: dict[str, str | Outcome] = {
        "tests/test_a.py::test_good": "passed",
        HOSTILE_TEST: "passed",
        "tests/test_a.py::test_flaky": "passed",
        BAD: "passed",
        LISTED: "passed",
        "tests/test_b.py::test_gone": "passed",
        "tests/test_b.py::test_net": failed("n", "OSError", "no network", ("tests/test_b.py", 3, "test_net")),
        "tests/test_b.py::test_mended": failed("m", "ValueError", "upstream's own", frame, text="upstream's text"),
        "tests/test_b.py::test_skipped": Outcome(id="s", status=Status.SKIPPED, reason="needs a model"),
    }
    converted: dict[str, str | Outcome] = {
        **{test: one for test, one in upstream.items() if not test.endswith("test_gone")},
        HOSTILE_TEST: failed("h", "TypeError", HOSTILE, frame, text=f"text of {HOSTILE}"),
        "tests/test_a.py::test_flaky": "failed",
        BAD: failed("b", "TypeError", "never awaited", frame, text="the async traceback"),
        LISTED: failed("l", "RuntimeError", "no owner", ("dspy/dsp/utils/settings.py", 7, "Settings.configure")),
        "tests/test_b.py::test_new": "passed",
        "tests/test_b.py::test_mended": "passed",
    }
    flaky = {"tests/test_a.py::test_flaky": "passed"}
    asynced = with_reruns(run_of(Side.ASYNC, converted), [run_of(Side.ASYNC, dict(flaky))] * 2)
    compared = compare(run_of(Side.UPSTREAM, upstream), asynced, {})
    made = results(listed=(LISTED,)).model_copy(
        update={
            "seconds": {"upstream": 100.0, "async": 110.0},
            "totals": totals(compared),
            "strict": Strict(never_awaited=("tests/test_a.py::test_good",), places=("dspy/a.py:1: time.sleep",)),
            "tests": rows(compared),
        }
    )
    entry = Listed(
        id=LISTED, category=Category.CONTRACT, reason="There is no owner of settings.", covered_by="tests/own.py::test"
    )
    values: dict[str, object] = {
        "results": made,
        "tests": compared,
        "causes": causes(one for one in compared if one.verdict in DIFFERENT),
        "shared_causes": causes((one for one in compared if one.verdict is Verdict.FAILS_BOTH), Side.UPSTREAM),
        "judgement": Judgement(
            listed=(LISTED,),
            unlisted=(HOSTILE_TEST, BAD, "tests/test_b.py::test_gone"),
            added=("tests/test_b.py::test_new",),
            stale=("tests/own.py::test, which covers it, is not there",),
        ),
        "entries": (entry,),
        "since": Since(version="2.0.0", regressions=(BAD,), newly_listed=(LISTED,)),
        "notes": ("a note on the run",),
    }
    return ParityReport.model_validate({**values, **changes})
