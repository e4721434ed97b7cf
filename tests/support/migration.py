"""Before, after and diagnostics of converting a program that uses a library: the toy package with more classes.

    assert_migrated("import dspy\\n...", "import dspy\\n...", findings=["2: lambda"])

A program is one module, `program.py`, with others as `files`. A diagnostic is written `"line: rule"`.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from functools import lru_cache

from codemods.coloring import Coloring
from codemods.migrate import load_library, migrate
from codemods.rules import load_rules
from tests.support.conversion import FINAL, RULES, TOY, dedent, is_valid

PROGRAM = "program.py"

LIBRARY = {
    **TOY,
    "dspy/__init__.py": TOY["dspy/__init__.py"] + "from dspy.predict.agent import Agent\n",
    "dspy/predict/agent.py": """\
import litellm

from dspy.dsp.utils.settings import Settings
from dspy.predict.ask import Ask
from dspy.primitives.module import Module


class Interpreter:
    async def execute(self, settings: Settings, code):
        raise NotImplementedError

    def close(self):
        pass


class Agent(Module):
    def __init__(self, interpreter: Interpreter | None = None, reward=None):
        self.think = Ask()
        self.interpreter = interpreter or Interpreter()
        self.reward = reward

    async def forward(self, settings: Settings, /, **kwargs):
        thought = await self.think(settings, **kwargs)
        return await self.interpreter.execute(settings, thought)

    aforward = forward


async def rehearsed(settings: Settings, /, **kwargs):
    return kwargs


def rehearse(agent: Agent) -> Agent:
    agent.forward = rehearsed
    return agent


async def complete(settings: Settings, prompt):
    return await litellm.acompletion(prompt=prompt)


acomplete = complete
""",
}
"""The toy, an agent that keeps a predictor and an interpreter and is given another `forward`, and a function with a
twin's name."""

RENAMED = """
[[renamed]]
old = "litellm.completion"
new = "litellm.acompletion"
reason = "the library calls the coroutine"

[[entry]]
names = ["test_*", "main"]
reason = "called by a test runner"

[[entry]]
decorators = ["fixture"]
reason = "called by a test runner"
"""


@lru_cache
def toy_library() -> Coloring:
    return load_library(LIBRARY, load_rules(RULES + RENAMED), FINAL)


def assert_migrated(
    before: str,
    after: str,
    *,
    findings: Sequence[str] = (),
    files: Mapping[str, str] | None = None,
    files_after: Mapping[str, str] | None = None,
    again: bool = True,
) -> None:
    """A program becomes ``after`` with these diagnostics, is valid Python, and stays so when converted again."""
    sources = {PROGRAM: dedent(before), **{path: dedent(text) for path, text in (files or {}).items()}}
    wanted = {**sources, PROGRAM: dedent(after), **{p: dedent(t) for p, t in (files_after or {}).items()}}
    first = migrate(sources, toy_library())
    second = migrate(first.files, toy_library()).files if again else first.files
    shown = [f"{f.line}: {f.rule}" if f.path == PROGRAM else f"{f.path}:{f.line}: {f.rule}" for f in first.findings]
    found = _lines(first.files, shown, [p for p, t in first.files.items() if not is_valid(t)], second == first.files)
    expected = _lines(wanted, list(findings), [], True)
    assert found == expected, "".join(difflib.unified_diff(expected, found, "expected\n", "found\n", n=4))


def _lines(files: Mapping[str, str], findings: list[str], invalid: list[str], stable: bool) -> list[str]:
    lines = [line for path, text in sorted(files.items()) for line in [f"# {path}\n", *text.splitlines(True)]]
    return [*lines, f"findings: {findings}\n", f"invalid: {invalid}\n", f"a second run changes nothing: {stable}\n"]
