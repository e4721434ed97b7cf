"""What tests check is sacred: a conversion that loses or weakens an assertion is stopped."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from codemods.errors import ToolError

_MOCK = re.compile(r"assert_(?:not_)?(?:called|awaited|any|has|never)\w*$|assert_(?:any|has)_(?:call|await)s?$")
_UNITTEST = re.compile(r"(?:assert[A-Z]\w*|fail)$")
_AWAITED = {
    "assert_awaited": "assert_called",
    "assert_awaited_once": "assert_called_once",
    "assert_awaited_with": "assert_called_with",
    "assert_awaited_once_with": "assert_called_once_with",
    "assert_any_await": "assert_any_call",
    "assert_has_awaits": "assert_has_calls",
    "assert_not_awaited": "assert_not_called",
}
"""Assertions of ``AsyncMock``, and what they were of a ``Mock``: each says no less."""
_EXPECTING = frozenset({"raises", "warns", "deprecated_call", "fail", "approx"})
_SILENCING = frozenset({"skip", "skipif", "xfail", "importorskip"})
"""Of these there may not be more after than before."""
_CALLING = {
    "raises": 1, "warns": 1, "deprecated_call": 0, "assertRaises": 1, "assertWarns": 1, "assertRaisesRegex": 2,
    "assertWarnsRegex": 2,
}  # fmt: skip
"""Assertions that may be handed the function to call, with the number of arguments before it."""
_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef


class LostAssertionError(ToolError):
    """A test of a converted file checks less than it did."""


@dataclass(frozen=True)
class Lost:
    """A test that checks less: what was lost, by kind, with how many there were before and are after."""

    path: str
    test: str
    kind: str
    before: int
    after: int

    def __str__(self) -> str:
        return f"{self.path}: {self.test}: {self.kind}: {self.before} before, {self.after} after"


def check_assertions(before: Mapping[str, str], after: Mapping[str, str]) -> None:
    """Compare what the functions of all files assert.

    Raises:
        LostAssertionError: some function asserts less; the files, tests and kinds are named.
    """
    lost = [each for path, text in before.items() if text != after[path] for each in lost_in(path, text, after[path])]
    if lost:
        listed = "\n".join(f"  {each}" for each in lost)
        raise LostAssertionError(
            f"the conversion would lose or weaken what tests check:\n{listed}",
            remedy="Nothing was written. This is a defect of the toolchain: please report it, and convert the other "
            "files without these.",
        )


def lost_in(path: str, before: str, after: str) -> list[Lost]:
    """What the functions of one file assert less of after than before."""
    if not _may_assert(before) and not _may_assert(after):
        return []
    old, new = assertions(before), assertions(after)
    # The top level of a script is in a function of its own after.
    for name in [name for name in new if name not in old]:
        new.setdefault("", Counter()).update(new[name])
    found: list[Lost] = []
    for test, kinds in sorted(old.items()):
        checked = new.get(test, Counter[str]())
        fewer = [kind for kind, count in kinds.items() if checked[kind] < count and not _silences(kind)]
        silenced = [kind for kind, count in checked.items() if _silences(kind) and kinds[kind] < count]
        found += [Lost(path, test, kind, kinds[kind], checked[kind]) for kind in sorted([*fewer, *silenced])]
    return found


def _silences(kind: str) -> bool:
    return kind.split("(")[0] in _SILENCING


def _may_assert(text: str) -> bool:
    return any(word in text for word in ("assert", "raises", "warns", "fail", "skip", "deprecated_call"))


def assertions(text: str) -> dict[str, Counter[str]]:
    """How often each function of a module asserts what, by its dotted name; the module's own top level is ``""``.

    A kind of a plain ``assert`` is the form of its condition, so that an ``==`` that became a truth is seen. What the
    values are, and whether they are awaited, does not count.
    """
    found: dict[str, Counter[str]] = {}
    for name, node in _owned(ast.parse(text), ""):
        counts = found.setdefault(name, Counter())
        kind = _kind(node)
        if kind is not None:
            counts[kind] += 1
        if isinstance(node, ast.Call) and kind is not None and kind.startswith("assert_"):
            # Settings may be added to what is compared, and nothing may be taken from it.
            counts[f"values compared by {kind}"] += len(node.args) + len(node.keywords)
    return found


def _owned(node: ast.AST, name: str) -> Iterator[tuple[str, ast.AST]]:
    """Every node with the outermost function (or class and method) it stands in.

    Code that moved into ``main``, or out of a lambda, stays where a reader looks for it: with what is around it.
    """
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef) and not _in_function(name):
            yield from _owned(child, f"{name}{child.name}.")
        elif isinstance(child, _FUNCTION) and not _in_function(name):
            yield from _owned(child, f"{name}{child.name}")
        else:
            yield name, child
            yield from _owned(child, name)


def _in_function(name: str) -> bool:
    return bool(name) and not name.endswith(".")


def _kind(node: ast.AST) -> str | None:
    if isinstance(node, ast.Assert):
        return f"assert {_form(node.test)}" + (", with a message" if node.msg is not None else "")
    if not isinstance(node, ast.Call):
        return None
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if _MOCK.match(name):
        return _AWAITED.get(name, name)
    if name in _EXPECTING or name in _SILENCING or (isinstance(node.func, ast.Attribute) and _UNITTEST.match(name)):
        what = [ast.unparse(argument) for argument in node.args[:1]] if name in ("raises", "warns") else []
        # Keywords behind a function that is to raise are the function's, as they are in a block of its own.
        keywords = [] if _calls(name, node) else sorted(k.arg or "**" for k in node.keywords)
        return f"{name}({', '.join([*what, *keywords])})"
    return None


def _calls(name: str, node: ast.Call) -> bool:
    """Whether `raises(Error, f, ...)` and its like call a function themselves, and not what is in a block."""
    return name in _CALLING and len(node.args) > _CALLING[name]


def _form(test: ast.expr) -> str:
    """The form of a condition: comparisons by their operators, connectives by their parts, calls by their name."""
    if isinstance(test, ast.Compare):
        return " ".join(type(operator).__name__ for operator in test.ops)
    if isinstance(test, ast.BoolOp):
        return f"{type(test.op).__name__}({', '.join(_form(value) for value in test.values)})"
    if isinstance(test, ast.UnaryOp):
        return f"{type(test.op).__name__}({_form(test.operand)})"
    if isinstance(test, ast.Await):
        return _form(test.value)
    if isinstance(test, ast.Call) and isinstance(test.func, ast.Name) and test.func.id in ("isinstance", "all", "any"):
        return test.func.id
    return "true" if not isinstance(test, ast.Constant) else repr(test.value)
