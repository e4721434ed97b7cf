"""What `import dspy` costs, beside upstream."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import dspy
import pytest

COUNT = "import dspy, sys; print(dspy.__file__, len(sys.modules), 'jsonschema' in sys.modules)"


def _loaded(folder: Path) -> tuple[int, bool]:
    """How many modules a process has that imports the package in a folder, and whether jsonschema is one."""
    done = subprocess.run(
        [sys.executable, "-c", COUNT],
        env={**os.environ, "PYTHONPATH": str(folder), "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    file, count, validates = done.stdout.rsplit(maxsplit=2)
    assert Path(file).parent.parent == folder
    return int(count), validates == "True"


def test_no_more_modules_are_loaded_than_by_upstream(upstream_folder: Path) -> None:
    """What the package adds is made up for by jsonschema, which waits for the first call of a tool."""
    ours, ours_validates = _loaded(Path(dspy.__file__).parents[1])
    theirs, theirs_validates = _loaded(upstream_folder)
    assert ours <= theirs
    assert theirs_validates and not ours_validates


async def test_arguments_of_a_tool_are_validated_all_the_same() -> None:
    def double(x: int) -> int:
        return 2 * x

    tool, settings = dspy.Tool(double), dspy.Settings()
    assert await tool(settings, x=2) == 4
    with pytest.raises(ValueError, match="Arg x is invalid: 'two' is not of type 'integer'"):
        await tool(settings, x="two")
