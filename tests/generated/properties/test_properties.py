"""Random programs on both packages: the same requests, and the same result or the same error.

Upstream plays its part in a process of its own that is handed one case a line, so that a case costs milliseconds.
How many are tried says the profile: `--hypothesis-profile=nightly` tries 10,000, and without one it is `ci`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import dspy
import pytest
from hypothesis import HealthCheck, event, given, settings

from tests.generated.properties.cases import Case, run
from tests.generated.properties.strategies import cases
from tests.generated.sides import AsyncSide

REPOSITORY = Path(__file__).resolve().parents[3]


class Upstream:
    """Upstream's package in a process of its own."""

    def __init__(self, folder: Path, errors: IO[str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.generated.properties.worker"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(REPOSITORY)])},
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        assert Path(self._line()["file"]).parent.parent == folder

    def play(self, case: Case) -> Any:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(case) + "\n")
        self.process.stdin.flush()
        return self._line()

    def _line(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "upstream's process ended"
        return json.loads(line)

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        # Its exit can take a while where other things run.
        self.process.wait(60)


@pytest.fixture(scope="module")
def upstream(upstream_folder: Path) -> Iterator[Upstream]:
    with tempfile.TemporaryFile("w+") as errors:
        process = Upstream(upstream_folder, errors)
        try:
            yield process
        finally:
            process.close()


@pytest.fixture(scope="module")
def quiet() -> Iterator[None]:
    """The log of thousands of programs that fail is kept from the terminal, until these tests end."""
    levels = {handler: handler.level for handler in logging.getLogger("dspy").handlers}
    for handler in levels:
        handler.setLevel(logging.CRITICAL)
    yield
    # pytest's own are among them, and other tests read what they keep.
    for handler, level in levels.items():
        handler.setLevel(level)


@pytest.fixture(scope="module")
def runner(quiet: None) -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as loop:
        yield loop


def differences(ours: Any, theirs: Any, where: str = "") -> Iterator[str]:
    """Where two values differ, one line each."""
    if type(ours) is type(theirs) and isinstance(ours, dict) and list(ours) == list(theirs):
        for name in ours:
            yield from differences(ours[name], theirs[name], f"{where}.{name}")
    elif type(ours) is type(theirs) and isinstance(ours, list) and len(ours) == len(theirs):
        for number, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from differences(mine, other, f"{where}[{number}]")
    elif ours != theirs or type(ours) is not type(theirs):
        yield f"{where}\n    here     {ours!r}\n    upstream {theirs!r}"


def test_each_difference_is_told():
    ours, theirs = {"a": [1, 2.0], "b": {"c": "x"}, "d": []}, {"a": [1, 2], "b": {"c": "y"}, "d": [None]}
    assert [each.split("\n")[0] for each in differences(ours, theirs)] == [".a[1]", ".b.c", ".d"]
    assert not list(differences(ours, ours))


@pytest.mark.api("4.9", "4.10", "6.2", "6.3")
@pytest.mark.timeout(0)
@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(case=cases())
def test_both_packages_do_the_same(upstream: Upstream, runner: asyncio.Runner, case: Case):
    theirs = upstream.play(case)
    # A case is used up by playing it: values are taken out of it.
    ours = json.loads(json.dumps(runner.run(run(AsyncSide(dspy), json.loads(json.dumps(case))))))
    result = theirs["result"]
    event(str(result.get("kinds", ["a prediction"])[0]), f"{min(len(theirs['asked']), 3)} requests")
    assert not list(differences(ours, theirs)), "\n".join(differences(ours, theirs))
