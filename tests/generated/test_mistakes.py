"""What a newcomer does wrong is told what to do: every section of `docs/guide/mistakes.md` is run.

A section is a block that goes wrong, what is said of it, and a block that does not. What is said is errors
(`TypeError: ...`), warnings (`RuntimeWarning: ...`) and lines of the log (`ERROR logger: ...`).
"""

from __future__ import annotations

import ast
import asyncio
import gc
import inspect
import logging
import time
import warnings
from collections import defaultdict
from pathlib import Path
from types import CodeType
from typing import Any

import dspy
import pytest
from dspy.utils.supplied import is_coroutine_function

from tests.generated.support import fields, lm_at
from tests.support.model_server import Answer, ModelServer, Request
from tests.support.pages import Block, blocks, says

PAGE = Path(__file__).resolve().parents[2] / "docs" / "guide" / "mistakes.md"
FIRST, *BLOCKS = blocks(PAGE)


def _sections() -> dict[str, list[Block]]:
    found: dict[str, list[Block]] = defaultdict(list)
    for block in BLOCKS:
        found[block.section].append(block)
    return dict(found)


SECTIONS = _sections()
each_section = pytest.mark.parametrize("section", SECTIONS)


def compiled(block: Block) -> CodeType:
    """A block as code with `await` at its top, whose frames name the page."""
    tree = ast.parse(block.text)
    ast.increment_lineno(tree, block.line - 1)
    return compile(tree, str(PAGE), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


async def run(code: CodeType, names: dict[str, Any]) -> None:
    """Runs a block."""
    result = eval(code, names)
    if inspect.iscoroutine(result):
        await result


def answer(request: Request) -> Answer:
    """What the model says: the fields it is asked for, or a greeting."""
    values = {"answer": "Paris", "is_right": "True"}
    asked = {name: value for name, value in values.items() if f"`[[ ## {name} ## ]]`" in request.last}
    return Answer(fields(**asked) if asked else "Hello.")


@pytest.fixture
def names(server: ModelServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """What the page's first block leaves, with the model it names on the local server."""
    server.on(answer)
    monkeypatch.setenv("OPENAI_API_BASE", server.url)
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dspy.settings, "_values", dict(dspy.settings._values), raising=False)
    found: dict[str, Any] = {"__name__": "page"}
    exec(compiled(FIRST), found)
    return found


def test_there_are_enough() -> None:
    assert len(SECTIONS) >= 30


@each_section
def test_its_form(section: str) -> None:
    assert [block.language for block in SECTIONS[section]] == ["python", "text", "python"], section


@each_section
def test_the_message_says_what_to_do(section: str, names: dict[str, Any], dspy_log: pytest.LogCaptureFixture) -> None:
    wrong, said, _ = SECTIONS[section]
    heard: list[str] = []
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", RuntimeWarning)
        try:
            asyncio.run(run(compiled(wrong), names))
        except Exception as error:
            heard.append(f"{type(error).__name__}: {error}")
        names.clear()
        if "RuntimeWarning" in said.text:
            # What nobody awaited may hang in a circle of frames. To look for it takes a while.
            gc.collect()
    heard += [f"RuntimeWarning: {each.message}" for each in warned if each.category is RuntimeWarning]
    heard += [f"{record.levelname} {record.name}: {record.getMessage()}" for record in dspy_log.records]
    for line in said.text.splitlines():
        assert any(says(line, each) for each in heard), f"{section}: {line}\nis not among\n" + "\n".join(heard)
    errors = [each for each in heard if "Error: " in each.split(" ")[0] + " "]
    assert all(any(says(line, each) for line in said.text.splitlines()) for each in errors), f"the page lacks {errors}"


@each_section
def test_what_was_meant_runs(section: str, names: dict[str, Any], dspy_log: pytest.LogCaptureFixture) -> None:
    *_, right = SECTIONS[section]
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", RuntimeWarning)
        asyncio.run(run(compiled(right), names))
    assert [str(each.message) for each in warned if each.category is RuntimeWarning] == []
    assert [record.getMessage() for record in dspy_log.records if record.levelno >= logging.WARNING] == []


async def test_a_tool_that_blocks_is_named_once(dspy_log: pytest.LogCaptureFixture) -> None:
    class Office:
        def look_up(self, city: str) -> str:
            time.sleep(0.15)
            return city

    async def waits(city: str) -> str:
        await asyncio.sleep(0.15)
        return city

    settings = dspy.Settings()
    for _ in range(2):
        assert await dspy.Tool(Office().look_up)(settings, city="Rome") == "Rome"
        assert await dspy.Tool(waits)(settings, city="Rome") == "Rome"
        assert await dspy.Tool(lambda city: waits(city), name="later")(settings, city="Rome") == "Rome"
        assert await dspy.Tool(lambda city: city, name="quick")(settings, city="Rome") == "Rome"
    (said,) = [record.getMessage() for record in dspy_log.records]
    assert said.startswith("The plain function Office.look_up held up the event loop for ")


async def test_a_parameter_of_another_name_is_handed_settings(server: ModelServer) -> None:
    """What a first parameter is called is the user's own affair, as long as there is one."""
    server.on(answer)
    predict = dspy.Predict("question -> answer")

    class Named(dspy.Module):
        async def forward(self, s, question):
            return await predict(s, question=question)

    class Starred(dspy.Module):
        async def forward(self, *args, **kwargs):
            return await predict(*args, **kwargs)

    class Wrong(dspy.Module):
        def forward(self, question):
            raise TypeError(f"about {question}")

    settings = dspy.Settings(lm=lm_at(server))
    for program in (Named(), Starred()):
        assert is_coroutine_function(type(program).forward)
        assert (await program(settings, question="Where?")).answer == "Paris"
    # An error of the function's own is left alone, and whoever calls it himself gets it.
    with pytest.raises(TypeError, match=r"^about Rome$"):
        Wrong().forward("Rome")
