"""Runs an example offline: `python -m examples NAME`, from the root of the repository.

A model server on loopback stands for the provider: the example's own `model.py` says what it answers. The example
itself knows nothing of it. With a real provider, run its program directly and give the API key as usual.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
NOTEBOOKS = HERE.parent / "tests" / "generated" / "notebook_run.py"
PROGRAMS = {
    "tenants": ["visit.py"],
    "evaluation": ["main.py"],
    "agent": ["main.py"],
    "gepa": ["main.py"],
    "streaming": ["visit.py"],
    "notebook": [str(NOTEBOOKS), "explore.ipynb"],
}


def main(arguments: list[str]) -> int:
    """Runs the example that is named and returns its exit status; 2 where it cannot be."""
    if not arguments or arguments[0] not in PROGRAMS:
        print(f"python -m examples NAME, where NAME is one of: {', '.join(PROGRAMS)}", file=sys.stderr)
        return 2
    if problem := _missing():
        print(f"{problem}\nRun: nox -s sync build && pip install generated/dist/*.whl", file=sys.stderr)
        return 2
    name, *more = arguments
    with provider(name) as environment:
        command = [sys.executable, *PROGRAMS[name], *more]
        return subprocess.run(command, cwd=HERE / name, env={**os.environ, **environment}, check=False).returncode


@contextmanager
def provider(name: str) -> Generator[dict[str, str]]:
    """Stands for the provider of an example's model, and hands out the environment variables that lead there."""
    from tests.support.model_server import ModelServer

    model = importlib.import_module(f"examples.{name}.model")
    with ModelServer(latency=model.SECONDS) as server, tempfile.TemporaryDirectory() as cache:
        server.on(model.answer)
        yield {
            "OPENAI_API_BASE": server.url,
            "OPENAI_API_KEY": "none",
            "DSPY_CACHEDIR": cache,
            # No look-up of prices on the internet.
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        }


def _missing() -> str | None:
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        distribution("dspy-async")
    except PackageNotFoundError:
        return f"dspy-async is not installed in {sys.prefix}."
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
