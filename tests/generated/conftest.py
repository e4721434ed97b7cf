"""Fixtures for tests of the generated package, as it is installed from its wheel.

These tests need the wheel in the environment that runs them; `nox -s tests` makes it. They import `dspy` and
`tests.support`, never the toolchain.
"""

import importlib.metadata
import inspect
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

# Before the first import of either library: no look-up on the internet, no cache shared with the user's own.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
os.environ["DSPY_CACHEDIR"] = mkdtemp(prefix="dspy-cache-")
for _name in ("OPENAI_API_KEY", "OPENAI_API_BASE", "OPENAI_BASE_URL"):
    os.environ.pop(_name, None)

# What a shell without job control starts in the background is born deaf to an interrupt, and so is all that it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

DISTRIBUTION = "dspy-async"
REPOSITORY = Path(__file__).resolve().parents[2]


def _refuse(problem: str) -> None:
    raise pytest.UsageError(
        f"{problem}\ntests/generated runs against the generated package installed from its wheel:\n"
        f"    nox -s tests\nor: pip install generated/dist/*.whl and python -m pytest tests/generated"
    )


def _check_the_package() -> None:
    try:
        installed = importlib.metadata.distribution(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        _refuse(f"{DISTRIBUTION} is not installed in {sys.prefix}.")
        return
    import dspy

    place = Path(dspy.__file__).resolve()
    if place != Path(str(installed.locate_file("dspy/__init__.py"))).resolve():
        _refuse(f"`import dspy` finds {place}, which is not the installed {DISTRIBUTION}.")
    if not inspect.iscoroutinefunction(inspect.unwrap(dspy.Module.__call__)):
        _refuse(f"{place} is not the async package: Module.__call__ is no coroutine function.")


_check_the_package()

import hypothesis  # noqa: E402

hypothesis.settings.register_profile("ci", max_examples=150, deadline=None, derandomize=True)
hypothesis.settings.register_profile("nightly", max_examples=10_000, deadline=None, print_blob=True)
hypothesis.settings.load_profile("ci")

from tests.support.model_server import ModelServer  # noqa: E402


@pytest.fixture(autouse=True)
def what_is_configured_ends_with_the_test() -> Iterator[None]:
    """Give the process's settings their values back: one test's `dspy.configure` is no other's."""
    import dspy

    values = dspy.settings._values
    before = dict(values)
    yield
    values.clear()
    values.update(before)


@pytest.fixture
def server() -> Iterator[ModelServer]:
    """A model server; a request that no rule answered fails the test."""
    with ModelServer() as running:
        yield running
    assert not running.unanswered, [request.last[-300:] for request in running.unanswered]


@pytest.fixture
def dspy_log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Lets `caplog` see DSPy's log, which does not propagate by itself."""
    import logging

    logger = logging.getLogger("dspy")
    before = logger.propagate
    logger.propagate = True
    yield caplog
    logger.propagate = before


class _Untouchable(dict[str, object]):
    """Values that nobody may read; it keeps the names of those that were, since an error could be caught."""

    def __init__(self, values: dict[str, object]) -> None:
        super().__init__(values)
        self.touched: list[str] = []

    def __getitem__(self, name: str) -> object:
        self.touched.append(name)
        raise AssertionError(f"the process's own settings were asked for {name!r}")

    def get(self, name: str, default: object = None) -> object:  # type: ignore[override]
        return self[name]

    def __contains__(self, name: object) -> bool:
        return bool(self[str(name)])

    def __iter__(self) -> Iterator[str]:
        self["all of them"]
        return iter(())

    keys = __iter__  # type: ignore[assignment]


@pytest.fixture
def nobody_reads_the_process_settings() -> Iterator[None]:
    """Fails the test where something reads `dspy.settings`."""
    import dspy

    values, watched = dspy.settings._values, _Untouchable(dspy.settings._values)
    slot = type(dspy.settings)._values
    slot.__set__(dspy.settings, watched)
    yield
    slot.__set__(dspy.settings, values)
    assert watched.touched == []


@pytest.fixture(scope="session")
def upstream_folder(request: pytest.FixtureRequest) -> Path:
    """A folder with upstream's release of the installed version, without its dependencies.

    First on the path it hides the async package, and everything else stays the same: two packages, one environment.
    """
    version = importlib.metadata.version(DISTRIBUTION)
    folder = Path(request.config.cache.mkdir(f"upstream-{version}"))
    ready = folder / "ready"
    if not ready.is_file():
        uv = shutil.which("uv")
        pip = [uv, "pip", "install"] if uv else [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
        command = [*pip, "--quiet", "--no-deps", "--target", str(folder), f"dspy=={version}"]
        subprocess.run(command, check=True)
        ready.touch()
    return folder
