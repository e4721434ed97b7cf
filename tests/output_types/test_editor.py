"""What `docs/guide/editor.md` says a type checker finds in a program that has the package installed; and what it takes
each call for."""

from __future__ import annotations

import re
from pathlib import Path

from codemods.verify import Checker
from tests.support.pages import blocks

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = REPOSITORY / "docs" / "guide" / "editor.md"


def test_the_page_is_right(installed: Checker) -> None:
    (program,) = blocks(PAGE, "python")
    expected = {
        (number, found[1])
        for number, line in enumerate(program.text.splitlines(), 1)
        if (found := re.search(r"# (report\w+)$", line))
    }
    assert len(expected) == 7
    diagnosed = installed.diagnose({"program.py": program.text})
    assert {(each.line, each.rule) for each in diagnosed} == expected, diagnosed


def test_nothing_is_said_of_the_examples(installed: Checker) -> None:
    """But for what they import beside the package, which is not installed where this is checked."""
    programs = {
        f"example_{path.parent.name}_{path.name}": path.read_text("utf-8")
        for name in ("main.py", "service.py")
        for path in (REPOSITORY / "examples").glob(f"*/{name}")
    }
    assert len(programs) == 5
    diagnosed = installed.diagnose(programs)
    said = [each for each in diagnosed if each.rule != "reportMissingImports" or "dspy" in each.message]
    assert said == [], said


TYPES = {
    "Predict('a -> b')(settings, a='x')": "CoroutineType[Any, Any, Prediction]",
    "await Predict('a -> b')(settings, a='x')": "Prediction",
    "Predict('a -> b').acall(settings, a='x')": "CoroutineType[Any, Any, Prediction]",
    "Predict('a -> b').signature": "type[Signature]",
    "ChainOfThought('a -> b')(settings, a='x')": "CoroutineType[Any, Any, Prediction]",
    "await ReAct('a -> b', tools=[])(settings, a='x')": "Prediction",
    "await RLM('a -> b')(settings, a='x')": "Prediction",
    "await lm(settings, 'Say hello.')": "LMResponse | list[dict[str, Any] | str]",
    "dspy.Evaluate(devset=devset)(settings, program)": "CoroutineType[Any, Any, EvaluationResult]",
    "await program.batch(settings, devset)": "list[Example] | tuple[list[Example], list[Example], list[Exception]]",
    "await dspy.GEPA(metric=metric).compile(settings, program, trainset=devset)": "Module",
    "await dspy.Tool(print)(settings, a='x')": "Any",
    "dspy.load('program')": "Module",
    "dspy.settings": "Settings",
}
"""What a call is said to be, by expression. `assert_type` is an error where `reveal_type` would show another type."""


def test_the_type_of_each_call(installed: Checker) -> None:
    lines = [
        "from types import CoroutineType",
        "from typing import Any",
        "import dspy",
        "from dspy import LM, ChainOfThought, Example, Module, Predict, Prediction, ReAct, RLM, Settings, Signature",
        "from dspy import LMResponse",
        "from dspy.evaluate.evaluate import EvaluationResult",
        "from typing_extensions import assert_type",
        "async def calls(settings: Settings, lm: LM, program: Module, devset: list[Example], metric: Any) -> None:",
        *(f"    _ = assert_type({expression}, {type_})" for expression, type_ in TYPES.items()),
    ]
    assert installed.diagnose({"program.py": "\n".join(lines)}) == ()


def test_what_is_used_as_the_packages_is_exported(installed: Checker) -> None:
    names = ("Evaluate", "Tool", "streamify", "settings", "load", "track_usage", "__version__")
    lines = ["import dspy", *(f"print(dspy.{name})" for name in names)]
    assert installed.diagnose({"program.py": "\n".join(lines)}) == ()


def test_the_annotations_count_as_the_packages_own(installed: Checker) -> None:
    """Without `py.typed` nothing would be private: this is how a test sees that it is there, and found."""
    (said,) = installed.diagnose({"program.py": "from dspy.predict.react import Module\n\nprint(Module)\n"})
    assert said.rule == "reportPrivateImportUsage"
