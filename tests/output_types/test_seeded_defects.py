"""One defect of each kind, put into the real output: the type check names each by its symbol, and nothing else.

`nox -s types` writes the output, compares it whole, and says here where it is.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from codemods.verify.types import Place, compare
from tests.output_types.release import Release


@dataclass(frozen=True)
class Seed:
    """What is done to a call in a function, and the rules that may find it there."""

    symbol: str
    call: str
    """The name of what is called, as it stands at the end of the call's function."""
    edit: Callable[[str, ast.AST, ast.Call], str]
    rules: frozenset[str]

    @property
    def path(self) -> str:
        """The file."""
        return self.symbol.partition(":")[0].replace(".", "/") + ".py"


def without_await(text: str, parent: ast.AST, call: ast.Call) -> str:
    """The statement, its call no longer awaited."""
    assert isinstance(parent, ast.Await)
    return text[: _offset(text, parent)] + text[_offset(text, call) :]


def with_await(text: str, parent: ast.AST, call: ast.Call) -> str:
    """The statement, its call awaited."""
    assert not isinstance(parent, ast.Await)
    return f"{text[: _offset(text, call)]}await {text[_offset(text, call) :]}"


def without_settings(text: str, parent: ast.AST, call: ast.Call) -> str:
    """The statement, its call without its first argument."""
    first, second = call.args[:2]
    assert ast.unparse(first) == "settings"
    return text[: _offset(text, first)] + text[_offset(text, second) :]


def _offset(text: str, node: ast.AST) -> int:
    assert isinstance(node, ast.expr)
    lines = text.splitlines(keepends=True)
    return len("".join(lines[: node.lineno - 1])) + len(lines[node.lineno - 1].encode()[: node.col_offset].decode())


SEEDS = {
    "thrown away": Seed(
        "dspy.predict.knn:KNN.__call__", "_embed_trainset", without_await, frozenset({"reportUnusedCoroutine"})
    ),
    "asked for a part": Seed(
        "dspy.primitives.python_interpreter:PythonInterpreter._health_check",
        "_send_request",
        without_await,
        frozenset({"reportAttributeAccessIssue", "reportIndexIssue"}),
    ),
    "taken apart": Seed(
        "dspy.predict.code_act:CodeAct.forward",
        "_execute_code",
        without_await,
        frozenset({"reportGeneralTypeIssues"}),
    ),
    "taken for a mapping": Seed(
        "dspy.predict.react:ReAct.forward",
        "_call_with_potential_trajectory_truncation",
        without_await,
        frozenset({"reportCallIssue"}),
    ),
    "a plain value awaited": Seed(
        "dspy.predict.react:ReAct._call_with_potential_trajectory_truncation",
        "_format_trajectory",
        with_await,
        frozenset({"reportGeneralTypeIssues"}),
    ),
    "settings forgotten": Seed(
        "dspy.predict.rlm:RLM.forward",
        "_extract_fallback",
        without_settings,
        frozenset({"reportCallIssue", "reportArgumentType"}),
    ),
    "handed to a function": Seed(
        "dspy.adapters.base:Adapter.__call__", "self._call_lm", without_await, frozenset({"reportArgumentType"})
    ),
}


@pytest.fixture(scope="module")
def found(release: Release) -> list[Place]:
    """What one run over the files with a seed finds."""
    files = dict(release.files)
    for seed in SEEDS.values():
        files[seed.path] = planted(files[seed.path], seed)
    return compare(release.checker, files, release.upstream, only={seed.path for seed in SEEDS.values()})


def planted(text: str, seed: Seed) -> str:
    """The file with the first call of that name in the function changed."""
    scope: ast.AST = ast.parse(text)
    for name in seed.symbol.partition(":")[2].split("."):
        scope = next(each for each in ast.iter_child_nodes(scope) if getattr(each, "name", None) == name)
    parent, call = next(each for each in _calls(scope) if ast.unparse(each[1].func).endswith(seed.call))
    return seed.edit(text, parent, call)


def _calls(scope: ast.AST) -> Iterator[tuple[ast.AST, ast.Call]]:
    for parent in ast.walk(scope):
        for child in ast.iter_child_nodes(parent):
            if isinstance(child, ast.Call):
                yield parent, child


@pytest.mark.parametrize("name", SEEDS)
def test_a_seeded_defect_is_found_and_named(name: str, found: list[Place]) -> None:
    seed = SEEDS[name]
    rules = {place.found.rule for place in found if place.symbol == seed.symbol}
    assert rules & seed.rules, "\n".join(map(str, found))


def test_nothing_else_is(found: list[Place]) -> None:
    elsewhere = {place.symbol for place in found} - {seed.symbol for seed in SEEDS.values()}
    assert elsewhere == set(), "\n".join(map(str, found))


def test_misused_coroutines_are_told_from_other_errors(found: list[Place]) -> None:
    misused = {place.symbol for place in found if place.is_misuse}
    expected = ("thrown away", "asked for a part", "taken apart", "handed to a function")
    assert misused >= {SEEDS[name].symbol for name in expected}
