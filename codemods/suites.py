"""How a program's tests are run: by which plugin of pytest, or by `unittest`, those that become coroutine functions."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from codemods.program import FunctionInfo, ModuleInfo, Program
from codemods.program.build import decorator_name, dotted
from codemods.program.model import ClassInfo
from codemods.program.names import resolve_dotted
from codemods.syntax import walk

ASYNCIO = "pytest.mark.asyncio"
ANYIO = "pytest.mark.anyio"
FIXTURE = "pytest_asyncio.fixture"
_OWN_FILES = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini")
"""Files of pytest's alone: its configuration even where they are empty."""
CONFIGURATION = (*_OWN_FILES, "pyproject.toml", "tox.ini", "setup.cfg")
"""Files in which pytest looks for its configuration, the first that has any being the one."""
ISOLATED = "IsolatedAsyncioTestCase"
"""The class of `unittest` whose tests may be coroutine functions."""
_MARKS = {"asyncio": ASYNCIO, "anyio": ANYIO}
_CASE = "TestCase"
_ASYNCHRONOUS_SETUP = {"setUp": "asyncSetUp", "tearDown": "asyncTearDown"}
_AUTO = re.compile(r"""^\s*(?:asyncio|anyio)_mode\s*=\s*["']?auto["']?\s*(?:[#;].*)?$""", re.MULTILINE)
_SECTION = re.compile(r"^\s*\[(?:pytest|tool:pytest|tool\.pytest(?:\.ini_options)?)\]", re.MULTILINE)


def awaits_all(name: str, text: str) -> bool | None:
    """Whether a configuration file says that tests need no marker to be awaited; None if it is not pytest's.

    Args:
        name: the file's name, by which it may be pytest's whatever it holds.
        text: what it holds.
    """
    section = _SECTION.search(text)
    if section is None:
        return False if name in _OWN_FILES else None
    following = re.search(r"^\s*\[", text[section.end() :], re.MULTILINE)
    end = section.end() + following.start() if following is not None else len(text)
    return _AUTO.search(text, section.end(), end) is not None


Marks = Mapping[str, set[str]]
"""Markers that await tests, `asyncio` or `anyio`, by the name of each module."""


class Suite:
    """How the tests of one module are run.

    Args:
        marks: those of the whole program: see `marks_of`.
        awaits_all: whether the plugin awaits every coroutine function among tests and fixtures, with no marker.
    """

    def __init__(self, program: Program, module: ModuleInfo, marks: Marks, *, awaits_all: bool = False) -> None:
        self._program = program
        self._module = module
        self._awaits_all = awaits_all
        self._marker = _marker(marks, module)
        self._is_marked = bool(_assigned(module.tree.body))

    def marker(self, function: FunctionInfo) -> str | None:
        """The marker that a test needs to be awaited; None where it, or what it stands in, has one or needs none."""
        owner = function.owner
        if self._awaits_all or self._is_marked or _marks(function.decorators) or not _is_test(function):
            return None
        if owner is not None and (is_case(self._program, owner) or _is_marked_class(owner)):
            return None
        return self._marker

    def fixture(self, function: FunctionInfo) -> ast.expr | None:
        """The name in ``@pytest.fixture`` above a function, where the plugin needs a fixture to be its own."""
        if self._awaits_all or self._marker != ASYNCIO or isinstance(function.node, ast.Lambda):
            return None
        for decorator in function.node.decorator_list:
            name = decorator.func if isinstance(decorator, ast.Call) else decorator
            target = resolve_dotted(self._program, function.module, dotted(name) or "")
            if target is not None and target.external and target.dotted == "pytest.fixture":
                return name
        return None


def _is_test(function: FunctionInfo) -> bool:
    return function.name.startswith("test_") and function.parent is None and not function.is_property


def marks_of(program: Program) -> Marks:
    """The markers by which the tests of a program's own modules are awaited, by the module's name."""
    marks: dict[str, set[str]] = defaultdict(set)
    for function in program.own_functions():
        marks[function.module.name].update(_marks(function.decorators))
    for module in program.own_modules():
        marks[module.name].update(_assigned(module.tree.body))
    for cls in program.own_classes():
        decorators = [decorator_name(d) for d in cls.node.decorator_list]
        marks[cls.module.name].update(_marks(decorators), _assigned(cls.node.body))
    return marks


def _marker(marks: Marks, module: ModuleInfo) -> str:
    """The marker that the tests of a module have, else those of the program; pytest-asyncio's where none has any."""
    here = marks[module.name] or {mark for each in marks.values() for mark in each}
    return ANYIO if here == {"anyio"} else ASYNCIO


def _marks(decorators: Iterable[str]) -> list[str]:
    return [name for name in (d.split(".")[-1] for d in decorators) if name in _MARKS]


def _is_marked_class(cls: ClassInfo) -> bool:
    return any(
        _marks(decorator_name(d) for d in each.node.decorator_list) or _assigned(each.node.body) for each in cls.mro()
    )


def _assigned(body: Iterable[ast.stmt]) -> list[str]:
    """Markers that ``pytestmark = ...`` gives to all tests of a module or class."""
    found: list[str] = []
    for statement in body:
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        if any(isinstance(target, ast.Name) and target.id == "pytestmark" for target in targets):
            assert isinstance(statement, ast.Assign)
            found += [n.attr for n in walk(statement.value) if isinstance(n, ast.Attribute) and n.attr in _MARKS]
    return found


# --- unittest ---------------------------------------------------------------------------------------------------------


def is_case(program: Program, cls: ClassInfo) -> bool:
    """Whether a class is one of `unittest`'s kind, whoever it derives from."""
    return any((_external(program, each, base) or "").endswith(_CASE) for each in cls.mro() for base in each.node.bases)


def plain_case(program: Program, cls: ClassInfo) -> ast.expr | None:
    """The base `unittest.TestCase` of a class, where some of what the runner calls of it must be awaited."""
    for base in cls.node.bases:
        if _external(program, cls, base) in (f"unittest.{_CASE}", f"unittest.case.{_CASE}"):
            return base
    return None


def is_run_by_a_case(program: Program, function: FunctionInfo) -> bool:
    """Whether a method is called by `unittest` itself: a test, or what stands around tests."""
    name, owner = function.name, function.owner
    ran = name.startswith("test") or name in _ASYNCHRONOUS_SETUP or name in _ASYNCHRONOUS_SETUP.values()
    return owner is not None and ran and is_case(program, owner)


def asynchronous_name(program: Program, function: FunctionInfo) -> str | None:
    """What ``setUp`` and ``tearDown`` of a test case are called where they wait."""
    name = _ASYNCHRONOUS_SETUP.get(function.name)
    return name if name is not None and is_run_by_a_case(program, function) else None


def _external(program: Program, cls: ClassInfo, base: ast.expr) -> str | None:
    """The dotted name of a base of another package."""
    target = resolve_dotted(program, cls.module, dotted(base) or "")
    return target.dotted if target is not None and target.external else None
