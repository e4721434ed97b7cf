"""Run by the interpreter of an environment that has the wheel alone: imports it and runs a program."""

import asyncio
import importlib.metadata
import inspect
import json
import pathlib
import platform
import sys

import dspy
from dspy.utils.dummies import DummyLM


def check(holds, told):
    """End with a message unless something holds."""
    if not holds:
        sys.exit(f"smoke: {told}")


async def program():
    """The answers of one program to two questions."""
    settings = dspy.Settings(lm=DummyLM([{"answer": "one"}, {"answer": "two"}]))
    predict = dspy.Predict("question -> answer")
    first = await predict(settings, question="a?")
    second = await predict(settings, question="b?")
    return [first.answer, second.answer]


home = pathlib.Path(dspy.__file__).parent
release = importlib.metadata.version("dspy-async")
check(release.split(".post")[0] == dspy.__version__.split(".post")[0], f"{release} says it is {dspy.__version__}")
check("site-packages" in home.parts, f"dspy is imported from {home}")
check(inspect.iscoroutinefunction(inspect.unwrap(dspy.Module.__call__)), "Module.__call__ is no coroutine function")
check((home / "primitives" / "runner.js").is_file(), "the wheel lacks primitives/runner.js")
answers = asyncio.run(program())
check(answers == ["one", "two"], f"a program answers {answers}")
print(json.dumps({"version": release, "python": platform.python_version()}))
