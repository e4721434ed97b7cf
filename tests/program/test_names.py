"""What a dotted name means: through imports, re-exports, star imports and submodules."""

from __future__ import annotations

import pytest

from codemods.program import Program, build_program
from codemods.program.names import Target, class_at, follow, local_imports, resolve_dotted, resolve_global

FILES = {
    "p/__init__.py": "from p.core import Thing\nfrom .tools import *\nfrom . import sub\nimport os\nalias = Thing\n",
    "p/core.py": "class Thing:\n    class Inner: ...\ndef make(): ...\nvalue = make()\n",
    "p/tools/__init__.py": "from p.tools.hammer import Hammer as Tool, _hidden\nfrom p.tools.saw import *\n"
    "from ..core import make as build\n",
    "p/tools/hammer.py": "class Hammer: ...\n_hidden = 1\n",
    "p/tools/saw.py": "from numpy import array\nclass Saw: ...\n",
    "p/sub/__init__.py": "",
    "p/sub/deep.py": "from ..core import Thing as T\nfrom p import *\nimport p.tools.saw as s\nimport numpy.linalg\n",
    "p/loop_a.py": "from p.loop_b import x\n",
    "p/loop_b.py": "from p.loop_a import x\n",
    "p/star_a.py": "from p.star_b import *\n",
    "p/star_b.py": "from p.star_a import *\ny = 1\n",
    "p/shadow.py": "from p.core import make\ndef make(): ...\n",
    "p/twice.py": "from p.tools.saw import *\nfrom p.tools.hammer import *\nHammer = 1\n",
    "p/conditional.py": "try:\n    from p.core import Thing\nexcept ImportError:\n    Thing = None\n",
}


@pytest.fixture(scope="module")
def program() -> Program:
    return build_program(FILES)


@pytest.mark.parametrize(
    ("module", "name", "target"),
    [
        ("p", "Thing", Target("p.core", "Thing")),
        ("p", "Tool", Target("p.tools.hammer", "Hammer")),
        ("p", "Saw", Target("p.tools.saw", "Saw")),
        ("p", "build", Target("p.core", "make")),
        ("p", "sub", Target("p.sub", None)),
        ("p", "os", Target("os", None, external=True)),
        ("p", "alias", Target("p", "alias")),
        ("p", "tools", Target("p.tools", None)),
        ("p", "core", Target("p.core", None)),
        ("p", "nothing", None),
        ("p.sub.deep", "T", Target("p.core", "Thing")),
        ("p.sub.deep", "Tool", Target("p.tools.hammer", "Hammer")),
        ("p.sub.deep", "s", Target("p.tools.saw", None)),
        ("p.sub.deep", "numpy", Target("numpy", None, external=True)),
        ("p.tools.saw", "array", Target("numpy", "array", external=True)),
        ("p.tools", "array", Target("numpy", "array", external=True)),
        ("p.shadow", "make", Target("p.shadow", "make")),
        ("p.twice", "Hammer", Target("p.twice", "Hammer")),
        ("p.twice", "Saw", Target("p.tools.saw", "Saw")),
        ("p.star_a", "y", Target("p.star_b", "y")),
        ("p.star_a", "z", None),
        ("p.conditional", "Thing", Target("p.core", "Thing")),
    ],
)
def test_names_of_modules(program: Program, module: str, name: str, target: Target | None) -> None:
    assert resolve_global(program, module, name) == target


def test_a_name_that_another_module_gets_by_a_star_from_outside() -> None:
    files = {"p/a.py": "from numpy import *\ndef own(): ...\n", "p/b.py": "from p.a import array, own\n"}
    program = build_program(files)
    assert resolve_global(program, "p.b", "array") == Target("numpy", "array", external=True)
    assert resolve_global(program, "p.b", "own") == Target("p.a", "own")


def test_imports_that_go_round_in_circles_end(program: Program) -> None:
    found = resolve_global(program, "p.loop_a", "x")
    assert found is not None and found.name == "x" and not found.external


@pytest.mark.parametrize("code", ["_x = 1\n", "__all__ = ['y']\n_x = y = 1\n"])
def test_a_star_import_takes_no_private_names(code: str) -> None:
    assert resolve_global(build_program({"p/a.py": code, "p/b.py": "from p.a import *\n"}), "p.b", "_x") is None


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("Thing", Target("p.core", "Thing")),
        ("core.Thing", Target("p.core", "Thing")),
        ("core.Thing.Inner", Target("p.core", "Thing.Inner")),
        ("tools.hammer.Hammer", Target("p.tools.hammer", "Hammer")),
        ("tools.Tool", Target("p.tools.hammer", "Hammer")),
        ("tools.saw.Saw", Target("p.tools.saw", "Saw")),
        ("sub.deep.s.Saw", Target("p.tools.saw", "Saw")),
        ("os.path.join", Target("os.path", "join", external=True)),
        ("tools.nothing", None),
        ("nothing.at.all", None),
    ],
)
def test_dotted_names(program: Program, name: str, target: Target | None) -> None:
    assert resolve_dotted(program, program.modules["p"], name) == target


def test_classes_at_targets(program: Program) -> None:
    assert class_at(program, Target("p.core", "Thing.Inner")) is program.classes["p.core:Thing.Inner"]
    assert class_at(program, Target("p.core", "make")) is None
    assert class_at(program, Target("p.core", None)) is None
    assert class_at(program, Target("p.core", "Thing", external=True)) is None
    assert class_at(program, None) is None


def test_following_from_a_target(program: Program) -> None:
    assert follow(program, None, ["a"]) is None
    assert follow(program, Target("p", None), []) == Target("p", None)
    assert follow(program, Target("p", None), ["core", "make"]) == Target("p.core", "make")
    assert follow(program, Target("os", None, external=True), ["path"]) == Target("os", "path", external=True)


def test_how_a_target_is_written() -> None:
    assert [Target("a.b", "c").dotted, Target("a.b", None).dotted] == ["a.b.c", "a.b"]


def test_imports_in_functions() -> None:
    code = (
        "def f():\n    import os.path\n    from p.core import make as m\n    if m:\n        from . import core\n"
        "    def g():\n        import json\n"
    )
    program = build_program({**FILES, "p/x.py": code})
    assert local_imports(program, program.functions["p.x:f"]) == {
        "os": Target("os", None, external=True),
        "m": Target("p.core", "make"),
        "core": Target("p.core", None),
    }
    assert resolve_global(program, "p.x", "m") is None
