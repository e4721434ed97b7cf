"""A suite in a process of its own: every way a test can end, and what a run survives."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from codemods.errors import ToolError
from codemods.parity.model import Frame, Side, Status
from codemods.parity.run import STRICT_FLAGS, Record, run_suite
from codemods.parity.strict import read_strict
from tests.parity.support import write_suite


def test_every_way_to_end(tmp_path: Path) -> None:
    suite = write_suite(
        tmp_path,
        {
            "test_ends.py": """
                import pytest
                import dspy

                @pytest.fixture
                def broken():
                    raise OSError("no fixture")

                @pytest.fixture
                def late():
                    yield
                    raise OSError("no tear-down")

                def test_passes(): pass
                def test_fails(): dspy.fail()
                def test_has_no_set_up(broken): pass
                def test_has_no_tear_down(late): pass
                def test_skips(): pytest.skip("not today")
                @pytest.mark.skip(reason="never")
                def test_is_left_out(): pass
                @pytest.mark.xfail(reason="known")
                def test_fails_as_said(): assert False
                @pytest.mark.xfail(reason="known")
                def test_passes_unexpectedly(): pass
                @pytest.mark.parametrize("word", ["a b", "x::y"])
                def test_each(word): pass
                class TestGroup:
                    def test_inside(self): pass
            """,
            "test_broken.py": "import nowhere_to_be_found\n",
            "test_module_skips.py": "import pytest\npytest.skip('no module', allow_module_level=True)\n",
        },
        package="def fail():\n    raise ValueError('deep inside')\n",
    )
    seen: list[tuple[Counter[str], int]] = []
    run = run_suite(suite, progress=lambda tally, total: seen.append((tally, total)))
    file = "tests/test_ends.py::"
    assert {test: outcome.status.value for test, outcome in run.outcomes.items()} == {
        "tests/test_broken.py": "uncollected",
        f"{file}TestGroup::test_inside": "passed",
        f"{file}test_each[a b]": "passed",
        f"{file}test_each[x::y]": "passed",
        f"{file}test_fails": "failed",
        f"{file}test_fails_as_said": "xfailed",
        f"{file}test_has_no_set_up": "error",
        f"{file}test_has_no_tear_down": "error",
        f"{file}test_is_left_out": "skipped",
        f"{file}test_passes": "passed",
        f"{file}test_passes_unexpectedly": "xpassed",
        f"{file}test_skips": "skipped",
        "tests/test_module_skips.py": "skipped",
    }
    failure = run.outcomes[f"{file}test_fails"].failure
    assert failure is not None
    assert failure.headline == "ValueError: deep inside"
    assert failure.innermost == Frame(path="dspy/__init__.py", line=2, function=failure.frames[-1].function)
    assert failure.innermost.function.endswith("fail")
    assert [frame.path for frame in failure.frames] == ["tests/test_ends.py", "dspy/__init__.py"]
    assert "deep inside" in failure.text
    broken = run.outcomes["tests/test_broken.py"].failure
    assert broken is not None
    assert "nowhere_to_be_found" in broken.message
    assert run.outcomes[f"{file}test_skips"].reason == "not today"
    assert run.outcomes[f"{file}test_is_left_out"].reason == "never"
    assert run.outcomes["tests/test_module_skips.py"].reason == "no module"
    assert run.notes == ()
    assert run.seconds > 0
    assert run.python.count(".") == 2
    assert seen, "nothing was told while it ran"
    assert seen[-1][1] == 11


def test_a_crash_is_no_failure_and_the_rest_is_run(tmp_path: Path) -> None:
    suite = write_suite(
        tmp_path,
        {
            "test_crash.py": """
                import os

                def test_before(): pass
                def test_dies(): os._exit(7)
                def test_after(): pass
                def test_fails(): assert 1 == 2
            """,
        },
    )
    run = run_suite(suite)
    status = {test.rpartition("::")[2]: outcome.status for test, outcome in run.outcomes.items()}
    assert status == {
        "test_before": Status.PASSED,
        "test_dies": Status.CRASHED,
        "test_after": Status.PASSED,
        "test_fails": Status.FAILED,
    }


def test_an_interrupt_that_escapes_is_the_tests_own_failure(tmp_path: Path) -> None:
    text = """
        import asyncio, os, pytest, signal

        def test_interrupts(): os.kill(os.getpid(), signal.SIGINT)

        @pytest.mark.asyncio
        async def test_interrupts_the_loop():
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(5)

        def test_expects_it():
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGINT)

        def test_after(): pass
    """
    run = run_suite(write_suite(tmp_path, {"test_a.py": text}))
    status = {test.rpartition("::")[2]: outcome.status.value for test, outcome in run.outcomes.items()}
    assert status == {
        "test_after": "passed",
        "test_expects_it": "passed",
        "test_interrupts": "failed",
        "test_interrupts_the_loop": "failed",
    }
    failure = run.outcomes["tests/test_a.py::test_interrupts"].failure
    assert failure is not None
    assert failure.error == "EscapedInterruptError"
    assert run.notes == ()


def test_a_test_that_takes_too_long_is_ended_and_told_as_such(tmp_path: Path) -> None:
    text = "import time\ndef test_sleeps(): time.sleep(60)\ndef test_other(): pass\n"
    run = run_suite(write_suite(tmp_path, {"test_slow.py": text}, timeout=1.0))
    assert [outcome.status for outcome in run.outcomes.values()] == [Status.PASSED, Status.TIMEOUT]


@pytest.mark.skipif(os.name != "posix", reason="a process is stopped by a signal")
def test_a_run_in_which_nothing_happens_is_ended(tmp_path: Path) -> None:
    # A stopped worker does not even hear of its timeout.
    text = """
        import os, signal

        def test_before(): pass
        def test_hangs(): os.kill(os.getpid(), signal.SIGSTOP)
        def test_after(): pass
    """
    run = run_suite(write_suite(tmp_path, {"test_hangs.py": text}, timeout=4.0))
    status = {test.rpartition("::")[2]: outcome.status for test, outcome in run.outcomes.items()}
    assert status == {"test_before": Status.PASSED, "test_hangs": Status.CRASHED, "test_after": Status.PASSED}
    failure = run.outcomes["tests/test_hangs.py::test_hangs"].failure
    assert failure is not None
    assert "hung" in failure.message
    assert any("begun again" in note for note in run.notes)


def test_only_some(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, {"test_a.py": "def test_one(): pass\ndef test_two(): pass\n"})
    assert list(run_suite(suite, only=["tests/test_a.py::test_two"]).outcomes) == ["tests/test_a.py::test_two"]


def test_what_cannot_run_says_why(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, {"test_a.py": "def test_one(): pass\n"}, flags=("--no-such-flag",))
    with pytest.raises(ToolError, match="no-such-flag"):
        run_suite(suite)


def test_another_package_than_the_suites_own_is_an_error(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, {"test_a.py": "def test_one(): pass\n"})
    (suite.root / "dspy" / "__init__.py").unlink()
    (suite.root / "dspy").rmdir()
    (suite.root / "dspy.py").write_text("")
    with pytest.raises(ToolError, match="did not import the package"):
        run_suite(suite)


def test_keys_and_settings_of_the_caller_stay_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "DSPY_CACHEDIR", "PYTEST_ADDOPTS", "LM_FOR_TEST"):
        monkeypatch.setenv(name, "--from-outside")
    text = """
        import os

        def test_environment():
            assert "--from-outside" not in os.environ.values()
            assert os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] == "True"
    """
    assert [one.status for one in run_suite(write_suite(tmp_path, {"test_a.py": text})).outcomes.values()] == ["passed"]


STRICT = {
    "test_strict.py": """
        import asyncio
        import time
        import dspy
        import pytest

        async def nothing(): pass

        @pytest.mark.asyncio
        async def test_forgets_to_await():
            nothing()

        @pytest.mark.asyncio
        async def test_package_blocks():
            await dspy.block()

        @pytest.mark.asyncio
        async def test_blocks_itself():
            time.sleep(0.001)

        @pytest.mark.asyncio
        async def test_calls_what_blocks():
            dspy.plain()

        @pytest.mark.asyncio
        async def test_hands_in_what_blocks():
            await dspy.call(lambda: time.sleep(0.001))

        @pytest.mark.asyncio
        async def test_writes_a_log():
            await dspy.log()

        def test_may_block():
            time.sleep(0.001)

        class Logging:
            async def async_success_handler(self): pass

        @pytest.mark.asyncio
        async def test_leaves_what_is_litellms():
            Logging().async_success_handler()

        @pytest.mark.asyncio
        async def test_is_fine():
            await asyncio.sleep(0)
    """,
}
BLOCKING = """
import logging
import time

logging.getLogger("dspy").addHandler(logging.StreamHandler(open("log.txt", "w")))

def plain():
    time.sleep(0.001)

async def block():
    plain()

async def call(function):
    function()

async def log():
    logging.getLogger("dspy").warning("said")
"""


def test_the_plain_run_lets_pass_what_the_strict_one_finds(tmp_path: Path) -> None:
    plain = run_suite(write_suite(tmp_path / "plain", STRICT, side=Side.ASYNC, package=BLOCKING))
    assert {outcome.status for outcome in plain.outcomes.values()} == {Status.PASSED}
    assert plain.blocked == {}
    flags = ("-o", "asyncio_mode=strict", *STRICT_FLAGS)
    suite = write_suite(tmp_path / "strict", STRICT, side=Side.ASYNC, package=BLOCKING, flags=flags, watch=True)
    strict = run_suite(suite)
    bad = [test for test, outcome in strict.outcomes.items() if outcome.status is not Status.PASSED]
    assert bad == ["tests/test_strict.py::test_forgets_to_await"]
    assert strict.blocked == {
        "tests/test_strict.py::test_blocks_itself": ("tests/test_strict.py:19: time.sleep",),
        "tests/test_strict.py::test_calls_what_blocks": ("tests/test_strict.py:23: time.sleep",),
        "tests/test_strict.py::test_hands_in_what_blocks": ("tests/test_strict.py:27: time.sleep",),
        "tests/test_strict.py::test_package_blocks": ("dspy/__init__.py:8: time.sleep",),
    }
    found = read_strict(strict, plain)
    assert found.never_awaited == ("tests/test_strict.py::test_forgets_to_await",)
    assert found.blocking == ("tests/test_strict.py::test_package_blocks",)
    names = ("test_blocks_itself", "test_calls_what_blocks", "test_hands_in_what_blocks")
    assert found.tests_blocking == tuple(f"tests/test_strict.py::{name}" for name in names)
    assert found.places == ("dspy/__init__.py:8: time.sleep",)
    assert found.other == ()


def test_an_unknown_event_is_a_fault() -> None:
    with pytest.raises(ToolError, match="unknown event"):
        Record().add({"kind": "surprise"})
