"""What happens in a test run, as it happens: a plugin of pytest that writes one JSON object a line.

It runs in the environment of the tests, which does not have the toolchain, so it imports nothing but the standard
library: it is copied to a directory of its own and loaded with `-p`. The tests run in workers of pytest-xdist, however
few. Each worker writes its own file, flushed line by line, so that one that dies leaves what it was doing; the
controller writes which worker died over which test.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import os
import platform
import signal
import sys
import time
from collections.abc import Generator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, TextIO

FOLDER_VARIABLE = "PARITY_EVENTS"
"""The directory that the files are written to."""
ROOT_VARIABLE = "PARITY_ROOT"
"""The directory that holds the package and its tests; frames elsewhere do not count."""

WATCH_VARIABLE = "PARITY_WATCH"
"""Set where calls that block the event loop are recorded too, with blockbuster. They are let pass all the same: what
is raised would change what the tests see."""

REACHED_VARIABLE = "PARITY_REACHED"
"""Set where coroutines of the package are told as they are first awaited. Needs Python 3.12."""

LONGEST_TEXT = 20_000
"""Characters of a traceback that are kept."""
_WORKER_VARIABLE = "PYTEST_XDIST_WORKER"


# The toolchain's own environment need not have pytest, so nothing is known of its types.
_pytest: Any = importlib.import_module("pytest") if importlib.util.find_spec("pytest") else None


class EscapedInterruptError(Exception):
    """A test let a KeyboardInterrupt out: its own failure, and no reason to end the run."""


class Recorder:
    """Writes events of one process."""

    def __init__(self, folder: Path, root: Path, worker: str) -> None:
        self._root = str(root) + os.sep
        self._is_worker = worker != "main"
        self._current = ""
        self._blocked: set[tuple[str, str, str]] = set()
        self._places: dict[str, str | None] = {}
        self._file: TextIO = (folder / f"events-{worker}-{os.getpid()}.jsonl").open("a", encoding="utf-8")

    def write(self, kind: str, **values: Any) -> None:
        """Write one line, a JSON object, at once: what ends the process must not lose it."""
        self._file.write(json.dumps({"kind": kind, **values}) + "\n")
        self._file.flush()

    def pytest_sessionstart(self, session: Any) -> None:
        if not self._is_worker:
            return
        found = importlib.util.find_spec("dspy")
        place = self._relative(found.origin) if found and found.origin else None
        self.write("session", package=place, python=platform.python_version())

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            text = str(report.longreprtext)
            self.write("uncollected", id=report.nodeid, text=text[:LONGEST_TEXT], **self._read_text(text))
        elif report.skipped:
            self.write("left-out", id=report.nodeid, reason=_reason(report))

    def pytest_collection_finish(self, session: Any) -> None:
        if self._is_worker:
            self.write("collected", ids=[item.nodeid for item in session.items])

    def pytest_runtest_logstart(self, nodeid: str, location: Any) -> None:
        # The controller hears of it too, late.
        if self._is_worker:
            self._current = nodeid
            self.write("start", id=nodeid, time=time.time())

    def pytest_runtest_logreport(self, report: Any) -> None:
        if not self._is_worker:
            return
        values: dict[str, Any] = {"when": report.when, "outcome": report.outcome, "seconds": report.duration}
        if hasattr(report, "wasxfail"):
            values["expected"] = str(report.wasxfail)
        if report.skipped:
            values["reason"] = _reason(report)
        if report.failed:
            values["text"] = str(report.longreprtext)[-LONGEST_TEXT:]
        self.write("phase", id=report.nodeid, **values)

    def pytest_runtest_call(self, item: Any) -> Generator[None, Any, Any]:
        """A wrapper: pytest would end the whole run, as if somebody had pressed Ctrl-C."""
        try:
            return (yield)
        except KeyboardInterrupt as error:
            raise EscapedInterruptError("the test let a KeyboardInterrupt out") from error

    if _pytest is not None:
        pytest_runtest_call = _pytest.hookimpl(wrapper=True)(pytest_runtest_call)

    def pytest_exception_interact(self, node: Any, call: Any, report: Any) -> None:
        """Where it failed. It is told after the report, and not for what was expected to fail."""
        if not hasattr(report, "when") or report.when == "collect":
            return
        error = _leaf(call.excinfo.value)
        values = {"error": type(error).__name__, "message": str(error)[:2000], "frames": self._frames(error)}
        self.write("failure", id=report.nodeid, when=report.when, **values)

    def pytest_runtest_logfinish(self, nodeid: str, location: Any) -> None:
        if self._is_worker:
            self.write("finish", id=nodeid)

    def pytest_handlecrashitem(self, crashitem: str, report: Any, sched: Any) -> None:
        """A hook of pytest-xdist: the worker died over this test."""
        self.write("crash", id=crashitem, text=str(getattr(report, "longrepr", ""))[:LONGEST_TEXT])

    def watch(self) -> None:
        """Record calls that block the event loop, and let them pass."""
        from blockbuster import BlockBuster  # pyright: ignore

        def ask(function: Any) -> Any:
            before, allowed = function.can_block_predicate, function.can_block_functions

            def can_block(*args: Any, **kwargs: Any) -> bool:
                if not before(*args, **kwargs):
                    self._record_block(function.full_name, allowed, inspect.currentframe())
                return True

            return can_block

        buster: Any = BlockBuster()
        for function in buster.functions.values():
            function.can_block_predicate = ask(function)
        buster.activate()

    def follow(self) -> None:
        """Record each coroutine of the package when it first runs, which it does when it is first awaited."""
        # What the toolchain runs on may be older, and know nothing of it.
        monitoring: Any = getattr(sys, "monitoring", None)
        if monitoring is None:
            return

        def started(code: CodeType, offset: int) -> Any:
            if code.co_flags & (inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
                place = self._relative(code.co_filename)
                if place is not None and place.startswith("dspy/"):
                    self.write("reached", name=f"{place}::{getattr(code, 'co_qualname', code.co_name)}")
            # Asked once for each function, so it costs next to nothing.
            return monitoring.DISABLE

        monitoring.use_tool_id(monitoring.PROFILER_ID, "parity")
        monitoring.register_callback(monitoring.PROFILER_ID, monitoring.events.PY_START, started)
        monitoring.set_events(monitoring.PROFILER_ID, monitoring.events.PY_START)

    def _record_block(self, call: str, allowed: Any, frame: FrameType | None) -> None:
        """Tell whose call it is: that of the innermost coroutine, unless a library or a test's own function makes it.

        A plain function of the package that blocks, `save` say, is the caller's to run elsewhere.
        """
        inner: str | None = None
        # The innermost frame is ours, the next blockbuster's own.
        frame = frame.f_back.f_back if frame is not None and frame.f_back is not None else None
        while frame is not None:
            code = frame.f_code
            path = code.co_filename.replace("\\", "/")
            if path.startswith("<frozen importlib") or path.endswith("/logging/__init__.py"):
                return
            if any(path.endswith(name) and code.co_name in functions for name, functions in allowed):
                return
            inside = self._relative(code.co_filename)
            if inside is not None:
                inner = inner or f"{inside}:{frame.f_lineno}"
                if code.co_flags & (inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
                    self._write_block(call, inner if inside.startswith("dspy/") else f"{inside}:{frame.f_lineno}")
                    return
            elif inner is None and "/site-packages/" in path:
                return
            frame = frame.f_back

    def _write_block(self, call: str, place: str) -> None:
        if (self._current, call, place) not in self._blocked:
            self._blocked.add((self._current, call, place))
            self.write("blocked", id=self._current, call=call, place=place)

    def _relative(self, path: str) -> str | None:
        """The path within the root; None outside."""
        if path not in self._places:
            real = os.path.realpath(path)
            is_inside = real.startswith(self._root)
            self._places[path] = real[len(self._root) :].replace(os.sep, "/") if is_inside else None
        return self._places[path]

    def _frames(self, error: BaseException) -> list[list[Any]]:
        """Path, line and function of the frames under the root, outermost first; of the cause, if there are none."""
        seen: BaseException | None = error
        while seen is not None:
            frames: list[list[Any]] = []
            traceback = seen.__traceback__
            while traceback is not None:
                code = traceback.tb_frame.f_code
                path = self._relative(code.co_filename)
                if path is not None:
                    frames.append([path, traceback.tb_lineno, getattr(code, "co_qualname", code.co_name)])
                traceback = traceback.tb_next
            if frames:
                return frames
            seen = seen.__cause__ or seen.__context__
        return []

    def _read_text(self, text: str) -> dict[str, Any]:
        """Of a failed collection pytest keeps text only."""
        last = [line[1:].strip() for line in text.splitlines() if line.startswith("E ")]
        error, _, message = (last[-1] if last else text.strip().rsplit("\n", 1)[-1]).partition(":")
        return {"error": error.strip(), "message": message.strip()}


def _leaf(error: BaseException) -> BaseException:
    """The first error of a group of them: anyio raises groups of one."""
    inner: Any = getattr(error, "exceptions", None)
    return _leaf(inner[0]) if inner else error


def _reason(report: Any) -> str:
    longrepr = report.longrepr
    text = longrepr[2] if isinstance(longrepr, tuple) else getattr(report, "wasxfail", "") or longrepr  # pyright: ignore
    return str(text).removeprefix("Skipped: ").strip()[:500]  # pyright: ignore


def pytest_configure(config: Any) -> None:
    """Start to record."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell that starts the run in the background has it ignored, and tests of interrupts want Python's own.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    worker = os.environ.get(_WORKER_VARIABLE, "main")
    root = Path(os.path.realpath(os.environ[ROOT_VARIABLE]))
    recorder = Recorder(Path(os.environ[FOLDER_VARIABLE]), root, worker)
    config.pluginmanager.register(recorder, "parity-recorder-events")
    if worker != "main" and os.environ.get(WATCH_VARIABLE):
        recorder.watch()
    if worker != "main" and os.environ.get(REACHED_VARIABLE):
        recorder.follow()
