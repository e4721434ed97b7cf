"""The sentences of the contract (`sentences.toml`), and which tests name them."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

FOLDER = Path(__file__).parent
TABLE = FOLDER / "sentences.toml"
NUMBER = re.compile(r"\d+\.\d+")


def sentences() -> Mapping[str, str]:
    """Each sentence of the contract by its number.

    Raises:
        ValueError: a number is not of the form "2.3", or a sentence is no text.
    """
    found = tomllib.loads(TABLE.read_text(encoding="utf-8"))["sentences"]
    for number, sentence in found.items():
        if not NUMBER.fullmatch(number) or not isinstance(sentence, str):
            raise ValueError(f"{TABLE.name}: {number!r} = {sentence!r} is no sentence with a number")
    return dict(found)


def named(folder: Path = FOLDER) -> Mapping[str, list[str]]:
    """For each number that a marker `api` of a test in the folder names, the tests that do.

    Read from the source, so that it does not depend on which tests are selected.
    """
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted(folder.rglob("test_*.py")):
        for test, numbers in _of(ast.parse(path.read_text(encoding="utf-8"))):
            for number in numbers:
                found[number].append(f"{path.relative_to(folder).as_posix()}::{test}")
    return found


def _of(module: ast.Module) -> Iterator[tuple[str, list[str]]]:
    """Tests of a module with the numbers they name themselves or through their class."""
    for node in module.body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            of_class = _numbers(node)
            for method in _tests(node.body):
                yield f"{node.name}::{method.name}", of_class + _numbers(method)
    for function in _tests(module.body):
        yield function.name, _numbers(function)


def _tests(body: list[ast.stmt]) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            yield node


def _numbers(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    calls = (each for each in node.decorator_list if isinstance(each, ast.Call))
    marks = (call for call in calls if ast.unparse(call.func) == "pytest.mark.api")
    return [str(ast.literal_eval(argument)) for mark in marks for argument in mark.args]
