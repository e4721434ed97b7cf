"""What a package shows: its names, signatures, base classes, twins and the words of its errors, logs and warnings.

It is looked at the same way on both sides: `python -m tests.generated.surface` prints that of the `dspy` that is first
on the path, as JSON.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import pkgutil
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypedDict

SPEAKING = {"warn", "warning", "info", "error", "debug", "exception", "log", "print"}
"""Last names of the functions that say something to a user."""


class Shown(TypedDict, total=False):
    """What is seen of one name.

    `parameters` are name, kind and default of each; `bases` are all of the package's; `schema_text` is the docstring of
    a pydantic model, which its schema shows to language models.
    """

    kind: str
    documented: bool
    parameters: list[list[str | None]] | None
    bases: list[str]
    schema_text: str | None
    async_twin: str | None


def modules() -> Iterator[types.ModuleType]:
    """The package's modules, but for those that want a package which is not here."""
    import dspy

    yield dspy
    for found in pkgutil.walk_packages(dspy.__path__, "dspy."):
        try:
            yield importlib.import_module(found.name)
        except ImportError:
            continue


def public_names() -> dict[str, Shown]:
    """Each public name by its place: what a module defines, and what a package (`__init__`) gathers."""
    found: dict[str, Shown] = {}
    for module in modules():
        gathers = Path(str(module.__file__)).name == "__init__.py"
        for name, value in vars(module).items():
            mine = getattr(value, "__module__", None) == module.__name__
            if not name.startswith("_") and (mine or (gathers and not isinstance(value, types.ModuleType))):
                found.update(_shown(f"{module.__name__}.{name}", value))
    return found


def _shown(place: str, value: Any) -> Iterator[tuple[str, Shown]]:
    if inspect.isclass(value):
        bases = [base.__qualname__ for base in value.__mro__[1:] if base.__module__.startswith("dspy.")]
        schema_text = value.__doc__ if hasattr(value, "model_json_schema") else None
        yield place, {"kind": "class", "documented": bool(value.__doc__), "bases": bases, "schema_text": schema_text}
        for name in dir(value):
            if not name.startswith("_") or name in ("__call__", "__init__"):
                member = inspect.getattr_static(value, name)
                yield f"{place}.{name}", _function(member, value, name)
    elif inspect.isfunction(value):
        yield place, _function(value, None, value.__name__)
    else:
        yield place, {"kind": "value"}


def _function(member: Any, owner: type[Any] | None, name: str) -> Shown:
    function = getattr(member, "__func__", member)
    if not callable(function) or inspect.isclass(function):
        return {"kind": "attribute"}
    twin = {"__call__": "acall"}.get(name, f"a{name}")
    return {
        "kind": type(member).__name__,
        "documented": bool(function.__doc__),
        "parameters": _parameters(function),
        "async_twin": twin if owner is not None and callable(getattr(owner, twin, None)) else None,
    }


def _parameters(function: Callable[..., Any]) -> list[list[str | None]] | None:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    return [[each.name, each.kind.name, _default(each.default)] for each in parameters]


def _default(value: Any) -> str | None:
    if value is inspect.Parameter.empty:
        return None
    if callable(value):
        return str(getattr(value, "__qualname__", type(value).__name__))
    return type(value).__name__ if type(value).__repr__ is object.__repr__ else repr(value)


def words() -> dict[str, list[list[str]]]:
    """For each file what it raises, logs, prints and warns of: who says it, and the words that are no variables."""
    import dspy

    root = Path(str(dspy.__file__)).parent
    return {
        path.relative_to(root).as_posix(): sorted(_words(ast.parse(path.read_text(encoding="utf-8"))))
        for path in sorted(root.rglob("*.py"))
    }


def _words(module: ast.Module) -> list[list[str]]:
    found: set[tuple[str, str]] = set()
    for node in ast.walk(module):
        said = node.exc if isinstance(node, ast.Raise) else node
        if not isinstance(said, ast.Call):
            continue
        name = ast.unparse(said.func)
        texts = [
            each.value for each in ast.walk(said) if isinstance(each, ast.Constant) and isinstance(each.value, str)
        ]
        if texts and (isinstance(node, ast.Raise) or name.rpartition(".")[2] in SPEAKING):
            found.add((name, "".join(texts).strip()))
    return [list(each) for each in found]


def main() -> None:
    """Prints the names and the words of the package that is first on the path."""
    warnings.simplefilter("ignore")
    out = sys.stdout
    sys.stdout = sys.stderr
    json.dump({"names": public_names(), "words": words()}, out)


if __name__ == "__main__":
    main()
