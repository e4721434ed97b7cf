"""Optimizers do not block the event loop: blockbuster raises where blocking code runs on it."""

import contextlib
import io
from collections.abc import Iterator

import dspy
import pytest
from blockbuster import BlockBuster

from tests.generated.optimizers.programs import PROGRAMS
from tests.generated.sides import AsyncSide

# Those read and write files themselves; what of theirs is saved by an optimizer has tests of its own in test_tasks.py.
OF_FILES = {"mipro_in_minibatches", "gepa_goes_on_where_it_was"}


@pytest.fixture
def output() -> Iterator[None]:
    """What is printed, by progress bars too, goes to memory: pytest would put it in a file, on the loop."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


@pytest.mark.api("5.14")
@pytest.mark.parametrize("name", [name for name in PROGRAMS if name not in OF_FILES])
async def test_nothing_blocks(name: str, output: None):
    await PROGRAMS[name](AsyncSide(dspy))  # modules that are imported lazily are imported here
    watch = BlockBuster()
    watch.activate()
    try:
        await PROGRAMS[name](AsyncSide(dspy))
    finally:
        watch.deactivate()
