"""One suite, run in a process of its own, followed as it goes."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from junitparser import JUnitXml

from codemods.errors import ToolError
from codemods.parity import recorder
from codemods.parity.environment import Environment
from codemods.parity.model import Failure, Frame, Outcome, Side, SideRun, Status

_SILENT_TIMES = 4
"""A run in which nothing happens for so many timeouts of a test hangs, and is ended."""
_START_SECONDS = 600.0
"""The same until tests are collected: what they import takes its time on a busy machine."""
_ATTEMPTS = 5
"""How often what a dead run has left over is begun again."""
_POLL_SECONDS = 0.2
_NOT_RUN = (3, 4)
"""Exit codes of pytest that mean it did not run: an internal error, wrong usage."""
_SECRETS = ("_API_KEY", "_TOKEN", "_SECRET")
_PLUGIN = "parity_recorder"
_TIMEOUT_MARK = "from pytest-timeout"


@dataclass(frozen=True)
class Foreign:
    """A coroutine that a distribution beside DSPy leaves without awaiting it, on either side of a comparison.

    Args:
        name: its qualified name.
        owner: the distribution.
        reason: how it comes to be left.
    """

    name: str
    owner: str
    reason: str


FOREIGN = (
    Foreign(
        name="Logging.async_success_handler",
        owner="litellm",
        reason="The process has one queue of them for a worker on the event loop; when a loop ends before the worker "
        "came to it, the next loop's worker begins with a new queue, and what was in the old one is lost.",
    ),
)
"""What the strict run lets pass: no call of the package makes these, and none could await them."""

_STRICT = (
    "error::RuntimeWarning",
    "error::pytest.PytestUnraisableExceptionWarning",
    "error::pytest.PytestUnhandledThreadExceptionWarning",
    # Of several that fit, the last one counts.
    *(f"ignore:coroutine '{one.name}' was never awaited:RuntimeWarning" for one in FOREIGN),
)
STRICT_FLAGS = tuple(part for given in _STRICT for part in ("-W", given))
"""A coroutine that nobody awaits is a warning when it is thrown away, and these make the test fail that did it."""


@dataclass(frozen=True)
class Suite:
    """One side's tree and how its tests are run.

    Args:
        side: which it is.
        root: it holds `dspy/` and `tests/`.
        environment: what runs it.
        scratch: a directory for what the run writes.
        workers: processes at once.
        timeout: seconds a single test may take.
        flags: further arguments of pytest, the same on both sides.
        watch: whether calls that block the event loop are recorded.
        follow: whether the coroutines that are awaited are recorded; needs Python 3.12.
    """

    side: Side
    root: Path
    environment: Environment
    scratch: Path
    workers: int
    timeout: float
    flags: tuple[str, ...] = ()
    watch: bool = False
    follow: bool = False


@dataclass
class Record:
    """What the events of a run say so far."""

    collected: dict[str, None] = field(default_factory=dict[str, None])
    started: dict[str, None] = field(default_factory=dict[str, None])
    phases: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict[str, dict[str, dict[str, Any]]])
    failures: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict[tuple[str, str], dict[str, Any]])
    finished: set[str] = field(default_factory=set[str])
    crashed: dict[str, str] = field(default_factory=dict[str, str])
    uncollected: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    left_out: dict[str, str] = field(default_factory=dict[str, str])
    blocked: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    reached: set[str] = field(default_factory=set[str])
    packages: set[str | None] = field(default_factory=set[str | None])
    python: str = ""

    def add(self, event: Mapping[str, Any]) -> None:
        """Take in one event."""
        match event["kind"]:
            case "session":
                self.packages.add(event["package"])
                self.python = event["python"]
            case "collected":
                self.collected |= dict.fromkeys(event["ids"])
            case "uncollected":
                self.uncollected[event["id"]] = dict(event)
            case "left-out":
                self.left_out[event["id"]] = event["reason"]
            case "start":
                self.started[event["id"]] = None
            case "phase":
                self.phases.setdefault(event["id"], {})[event["when"]] = dict(event)
            case "failure":
                self.failures[event["id"], event["when"]] = dict(event)
            case "finish":
                self.finished.add(event["id"])
            case "blocked":
                self.blocked.setdefault(event["id"], []).append(f"{event['place']}: {event['call']}")
            case "reached":
                self.reached.add(event["name"])
            case "crash":
                self.crashed[event["id"]] = event["text"]
            case _:
                raise ToolError(f"an unknown event {event['kind']!r}", remedy="This is a fault of the toolchain.")

    @property
    def pending(self) -> list[str]:
        """Tests that were neither run to their end nor took their process along."""
        return [test for test in self.collected if test not in self.finished and test not in self.crashed]

    def end(self, why: str) -> None:
        """The run was ended from outside: what was under way takes the blame."""
        for test in self.started:
            if test not in self.finished and test not in self.crashed:
                self.crashed[test] = why

    def outcomes(self) -> dict[str, Outcome]:
        """What came of each test, by id, sorted."""
        found = {test: self._outcome(test) for test in (*self.finished, *self.crashed)}
        for path, event in self.uncollected.items():
            failure = Failure(error=event["error"], message=event["message"], text=event["text"])
            found[path] = Outcome(id=path, status=Status.UNCOLLECTED, failure=failure)
        for path, reason in self.left_out.items():
            found[path] = Outcome(id=path, status=Status.SKIPPED, reason=reason)
        return dict(sorted(found.items()))

    def _outcome(self, test: str) -> Outcome:
        if test in self.crashed:
            failure = Failure(error="crash", message=self.crashed[test] or "the process died", text=self.crashed[test])
            return Outcome(id=test, status=Status.CRASHED, failure=failure)
        phases = self.phases.get(test, {})
        seconds = round(sum(phase["seconds"] for phase in phases.values()), 3)
        for when in ("setup", "call", "teardown"):
            phase = phases.get(when)
            if phase is not None and phase["outcome"] == "failed":
                failure = self._failure(test, when, phase)
                return Outcome(id=test, status=_failed(when, failure), seconds=seconds, failure=failure)
        skipped = next((phase for phase in phases.values() if phase["outcome"] == "skipped"), None)
        if skipped is not None:
            status = Status.XFAILED if "expected" in skipped else Status.SKIPPED
            return Outcome(id=test, status=status, seconds=seconds, reason=skipped["reason"])
        is_surprise = any("expected" in phase for phase in phases.values())
        return Outcome(id=test, status=Status.XPASSED if is_surprise else Status.PASSED, seconds=seconds)

    def _failure(self, test: str, when: str, phase: Mapping[str, Any]) -> Failure:
        told = self.failures.get((test, when), {})
        text = str(phase.get("text", ""))
        message = str(told.get("message") or text.strip().rsplit("\n", 1)[-1])
        frames = tuple(Frame(path=path, line=line, function=name) for path, line, name in told.get("frames", ()))
        return Failure(error=str(told.get("error", "failure")), message=message, frames=frames, text=text)


def _failed(when: str, failure: Failure) -> Status:
    if _TIMEOUT_MARK in failure.message:
        return Status.TIMEOUT
    return Status.FAILED if when == "call" else Status.ERROR


def run_suite(
    suite: Suite, *, only: Collection[str] | None = None, progress: Callable[[Counter[str], int], None] | None = None
) -> SideRun:
    """Run a suite, or some of its tests, to the end: what a dead process leaves over is begun again.

    Args:
        suite: what to run.
        only: ids; None for everything under `tests/`.
        progress: called now and then with a count of tests by how they ended, and how many there are.

    Raises:
        ToolError: pytest does not run, or another package than the suite's own was imported.
    """
    shutil.rmtree(suite.scratch, ignore_errors=True)
    events = suite.scratch / "events"
    events.mkdir(parents=True)
    record, reader = Record(), _Reader(events)
    notes: list[str] = []
    started = time.perf_counter()
    targets: Sequence[str] = ["tests"] if only is None else sorted(only)
    junit = 0
    for attempt in range(_ATTEMPTS):
        code = _run_once(suite, targets, attempt, record, reader, progress)
        if code in _NOT_RUN or not (record.collected or record.uncollected):
            raise _did_not_run(suite, code, attempt)
        junit += _junit_cases(suite.scratch / f"junit-{attempt}.xml")
        targets = record.pending
        if not targets:
            break
        notes.append(f"the run ended with {len(targets)} tests to go, which were begun again")
    else:
        notes.append(f"{len(targets)} tests were never run: the process died {_ATTEMPTS} times")
        for test in targets:
            record.crashed[test] = "never run: the process died before, again and again"
    seconds = time.perf_counter() - started
    if junit != (ours := len(record.outcomes())):
        notes.append(f"pytest's own JUnit file tells of {junit} tests, the events of {ours}")
    if record.packages - {"dspy/__init__.py"}:
        raise ToolError(
            f"the {suite.side} tests did not import the package they are for, but {record.packages}",
            remedy="Something puts another dspy in front of it: see PYTHONPATH and what is installed.",
        )
    return SideRun(
        side=suite.side,
        python=record.python,
        seconds=seconds,
        outcomes=record.outcomes(),
        blocked={test: tuple(dict.fromkeys(places)) for test, places in sorted(record.blocked.items())},
        reached=tuple(sorted(record.reached)) if suite.follow else None,
        notes=tuple(notes),
    )


def _run_once(
    suite: Suite,
    targets: Sequence[str],
    attempt: int,
    record: Record,
    reader: _Reader,
    progress: Callable[[Counter[str], int], None] | None,
) -> int:
    with (suite.scratch / f"pytest-{attempt}.log").open("wb") as log:
        process = subprocess.Popen(
            _command(suite, targets, attempt),
            cwd=suite.root,
            env=_variables(suite),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Its own group, so that whatever the tests have started ends with it.
            start_new_session=True,
        )
        try:
            _follow(suite, process, record, reader, progress)
        finally:
            _end(process)
    for event in reader.read():
        record.add(event)
    return process.returncode


def _follow(
    suite: Suite,
    process: subprocess.Popen[bytes],
    record: Record,
    reader: _Reader,
    progress: Callable[[Counter[str], int], None] | None,
) -> None:
    last = time.monotonic()
    while process.poll() is None:
        seen = False
        for event in reader.read():
            record.add(event)
            seen = True
        if seen:
            last = time.monotonic()
            if progress is not None:
                progress(_tally(record), len(record.collected))
            continue
        patience = _SILENT_TIMES * suite.timeout if record.started else _START_SECONDS
        if time.monotonic() - last > patience:
            _end(process)
            record.end(f"hung: nothing happened for {patience:g} s, and the run was ended")
            return
        time.sleep(_POLL_SECONDS)


def _tally(record: Record) -> Counter[str]:
    ended = [phase["outcome"] for phases in record.phases.values() for when, phase in phases.items() if when == "call"]
    tally = Counter(ended)
    tally["crashed"] += len(record.crashed)
    tally["done"] = len(record.finished) + len(record.crashed)
    return tally


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and everything in its group."""
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    elif process.poll() is None:
        process.kill()
    process.wait()


def _command(suite: Suite, targets: Sequence[str], attempt: int) -> list[str]:
    plugin = suite.scratch / "plugin"
    plugin.mkdir(exist_ok=True)
    shutil.copyfile(recorder.__file__, plugin / f"{_PLUGIN}.py")
    # One id a line: there may be more of them than a command line holds.
    listed = suite.scratch / f"targets-{attempt}.txt"
    listed.write_text("\n".join(targets) + "\n", encoding="utf-8")
    command = [str(suite.environment.python), "-m", "pytest", "-p", _PLUGIN, "-p", "no:cacheprovider", "-q"]
    command += ["-n", str(suite.workers), "--dist", "worksteal", "--max-worker-restart", "50"]
    command += ["--timeout", f"{suite.timeout:g}", "--timeout-method", "signal" if os.name == "posix" else "thread"]
    command += ["--tb", "short", "--continue-on-collection-errors", "--rootdir", str(suite.root)]
    command += ["--junit-xml", str(suite.scratch / f"junit-{attempt}.xml"), *suite.flags]
    return [*command, f"@{listed}"]


def _variables(suite: Suite) -> dict[str, str]:
    """The environment of the run: nothing of the toolchain's own, no keys, and no look-up of prices on the internet."""
    hidden = ("PYTHON", "DSPY", "PYTEST", "VIRTUAL_ENV", "LM_FOR_TEST")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(hidden) and not k.endswith(_SECRETS)}
    scripts = suite.environment.python.parent
    if suite.watch:
        kept[recorder.WATCH_VARIABLE] = "1"
    if suite.follow:
        kept[recorder.REACHED_VARIABLE] = "1"
    return kept | {
        "PATH": os.pathsep.join([str(scripts), kept.get("PATH", os.defpath)]),
        "PYTHONPATH": os.pathsep.join([str(suite.root), str(suite.scratch / "plugin")]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "DSPY_CACHEDIR": str(suite.scratch / "dspy-cache"),
        recorder.FOLDER_VARIABLE: str(suite.scratch / "events"),
        recorder.ROOT_VARIABLE: str(suite.root),
    }


def _junit_cases(path: Path) -> int:
    """How many tests pytest's own record tells of: a second witness beside the events."""
    if not path.is_file():
        return 0
    suites = cast("Any", JUnitXml).fromfile(str(path))
    # A test that fails and whose tear-down fails too stands there twice.
    return len({(case.classname, case.name) for one in suites for case in one})


def _did_not_run(suite: Suite, code: int, attempt: int) -> ToolError:
    log = suite.scratch / f"pytest-{attempt}.log"
    tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-25:])
    return ToolError(
        f"pytest did not run the {suite.side} tests (status {code}):\n{tail}",
        remedy=f"See {log} and mend what it names.",
    )


class _Reader:
    """Hands out what was written to the files of events since it was last asked; half a line waits for its end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._offsets: dict[Path, int] = {}

    def read(self) -> Iterator[dict[str, Any]]:
        for path in sorted(self._folder.glob("events-*.jsonl")):
            with path.open("rb") as file:
                file.seek(self._offsets.get(path, 0))
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    self._offsets[path] = self._offsets.get(path, 0) + len(line)
                    yield cast("dict[str, Any]", json.loads(line))
