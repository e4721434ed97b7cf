"""The program model: modules, classes, functions, positions and inheritance, whatever the order of files."""

from __future__ import annotations

import ast
import random

import pytest

from codemods.errors import ToolError
from codemods.program import build_program
from codemods.program.build import bound_names, decorator_name, dotted, import_bindings, iter_own, read_module
from codemods.program.model import FunctionInfo, Program
from tests.support.conversion import dedent


def program_of(code: str, **others: str) -> Program:
    files = {"pack/a.py": dedent(code), "pack/__init__.py": ""}
    return build_program({**files, **{f"pack/{name}.py": dedent(text) for name, text in others.items()}})


def function(code: str, name: str = "f") -> FunctionInfo:
    return program_of(code).functions[f"pack.a:{name}"]


# -- modules -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "name", "is_package"),
    [
        ("dspy/__init__.py", "dspy", True),
        ("dspy/a.py", "dspy.a", False),
        ("dspy/a/__init__.py", "dspy.a", True),
        ("dspy/a/b/c.py", "dspy.a.b.c", False),
        ("a.py", "a", False),
    ],
)
def test_names_of_modules(path: str, name: str, is_package: bool) -> None:
    module = read_module(path, "x = 1\n")
    assert (module.name, module.is_package, module.path) == (name, is_package, path)


def test_only_python_is_read() -> None:
    assert sorted(build_program({"a/b.py": "", "a/c.txt": "def (", "a/d.pyi": "def (", "py": "def ("}).modules) == [
        "a.b"
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [("x = 1\ndef (:\n", "b.py:2: not valid Python: "), ("x = (\n", "b.py:1: not valid Python: '(' was never closed")],
)
def test_invalid_python_names_file_and_line(text: str, said: str) -> None:
    with pytest.raises(ToolError) as caught:
        build_program({"a.py": "", "b.py": text})
    assert str(caught.value).startswith(said)
    assert caught.value.remedy


def test_columns_are_counted_in_characters() -> None:
    module = read_module("a.py", "x = 'é🐍', f(1)\ny = f(2)\n")
    calls = [node for node in ast.walk(module.tree) if isinstance(node, ast.Call)]
    assert sorted(module.position(call) for call in calls) == [(1, 10), (2, 4)]


# -- functions and classes ---------------------------------------------------------------------------------------------


def test_symbols() -> None:
    program = program_of(
        """
        def f():
            def g(): ...
            class L:
                def m(self): ...
            h = lambda: (lambda: 1)

        class C:
            x = lambda: 1
            class D:
                def m(self): ...
            async def n(self): ...

        if f:
            def f(): ...

        @overload
        def o(): ...
        @overload
        def o(): ...
        """
    )
    assert sorted(program.functions) == [
        "pack.a:C.<lambda1>",
        "pack.a:C.D.m",
        "pack.a:C.n",
        "pack.a:f",
        "pack.a:f#2",
        "pack.a:f.<locals>.<lambda1>",
        "pack.a:f.<locals>.<lambda1>.<locals>.<lambda1>",
        "pack.a:f.<locals>.L.m",
        "pack.a:f.<locals>.g",
        "pack.a:o",
        "pack.a:o#2",
    ]
    assert sorted(program.classes) == ["pack.a:C", "pack.a:C.D", "pack.a:f.<locals>.L"]


def test_owners_parents_and_methods() -> None:
    program = program_of(
        "class C:\n    def m(self):\n        def g(): ...\n\ndef f():\n    class L:\n        def m(self): ...\n"
    )
    method, nested = program.functions["pack.a:C.m"], program.functions["pack.a:C.m.<locals>.g"]
    local = program.functions["pack.a:f.<locals>.L.m"]
    assert (method.owner, method.parent) == (program.classes["pack.a:C"], None)
    assert (nested.owner, nested.parent, method.nested) == (None, method, {"g": nested})
    assert (local.owner, local.parent) == (program.classes["pack.a:f.<locals>.L"], program.functions["pack.a:f"])
    assert program.classes["pack.a:C"].methods == {"m": method}
    assert program.function_of[method.node] is method


@pytest.mark.parametrize(
    ("code", "name", "first"),
    [
        ("def f(a, b): ...\n", "f", "a"),
        ("def f(a, /, b): ...\n", "f", "a"),
        ("def f(*, a): ...\n", "f", None),
        ("def f(): ...\n", "f", None),
        ("class C:\n    def f(self, a): ...\n", "C.f", "a"),
        ("class C:\n    def f(this): ...\n", "C.f", None),
        ("class C:\n    @staticmethod\n    def f(a): ...\n", "C.f", "a"),
        ("class C:\n    @classmethod\n    def f(cls, a): ...\n", "C.f", "a"),
        ("f = lambda a: 1\n", "<lambda1>", "a"),
    ],
)
def test_the_first_parameter(code: str, name: str, first: str | None) -> None:
    assert function(code, name).first_parameter == first


@pytest.mark.parametrize(
    ("decorators", "attribute"),
    [
        ("@staticmethod", "is_static"),
        ("@classmethod", "is_classmethod"),
        ("@property", "is_property"),
        ("@cached_property", "is_property"),
        ("@functools.cached_property", "is_property"),
        ("@f.setter", "is_property"),
        ("@contextmanager", "is_contextmanager"),
        ("@contextlib.asynccontextmanager", "is_contextmanager"),
        ("@a\n    @property", "is_property"),
    ],
)
def test_what_decorators_say(decorators: str, attribute: str) -> None:
    info = function(f"class C:\n    {decorators}\n    def f(self): ...\n", "C.f")
    said = {name for name in ("is_static", "is_classmethod", "is_property", "is_contextmanager") if getattr(info, name)}
    assert said == {attribute}


@pytest.mark.parametrize("name", ["__new__", "__init_subclass__", "__class_getitem__"])
def test_class_methods_of_the_language(name: str) -> None:
    assert function(f"class C:\n    def {name}(cls): ...\n", f"C.{name}").is_classmethod


@pytest.mark.parametrize(
    ("body", "is_generator"),
    [
        ("yield 1", True),
        ("x = yield", True),
        ("yield from g()", True),
        ("return [x for x in y]", False),
        ("def g(): yield 1", False),
        ("return lambda: (yield)", False),
        ("@d((yield))\n    def g(): ...", True),
        ("def g(x=(yield)): ...", True),
    ],
)
def test_generators(body: str, is_generator: bool) -> None:
    assert function(f"def f():\n    {body}\n").is_generator is is_generator


def test_local_names() -> None:
    info = function(
        """
        def f(a, /, b=1, *c, d, **e):
            global g
            import h.i, j as k
            from l import m as n
            o = p = 1
            (q, [r, *s]), t.u, v[0] = w
            x: int
            for aa in bb: ...
            with cc as dd: ...
            try: ...
            except E as ee: ...
            def ff(gg): hh = 1
            class ii: jj = 1
            if (kk := 1): ...
            [ll for mm in nn]
            match oo:
                case {"a": pp, **qq}: ...
                case [rr, *ss]: ...
            del tt
            g = 1
        """
    )
    assert info.locals == set("abcdehknopqrsx") | {
        "aa",
        "dd",
        "ee",
        "ff",
        "ii",
        "kk",
        "mm",
        "pp",
        "qq",
        "rr",
        "ss",
        "tt",
    }
    assert info.nonlocals == {"g"}


def test_the_rest_of_a_mapping_pattern() -> None:
    assert "rest" in function("def f(x):\n    match x:\n        case {**rest}: ...\n").locals


def test_what_runs_in_a_scope() -> None:
    tree = ast.parse("a\ndef f(b=c, *, d=e): g\n@h\nclass I(j, metaclass=k): l\n(lambda m=n: o)\n[p for q in r]\n")
    assert [n.id for n in iter_own(tree) if isinstance(n, ast.Name)] == [
        "a",
        "c",
        "e",
        "h",
        "j",
        "k",
        "n",
        "p",
        "q",
        "r",
    ]


def test_names_bound_in_a_module() -> None:
    assert bound_names(ast.parse("import a.b\nfrom c import *\nx = 1\nif x:\n    def f(): y = 1\n")) == {"a", "x", "f"}


@pytest.mark.parametrize(
    ("expression", "name"), [("a", "a"), ("a.b.c", "a.b.c"), ("a().b", None), ("a[0]", None), ("1", None)]
)
def test_dotted_names(expression: str, name: str | None) -> None:
    node = ast.parse(expression, mode="eval").body
    assert dotted(node) == name
    assert decorator_name(node) == (name or ("a" if expression == "a()" else "<expression>"))


@pytest.mark.parametrize(
    ("path", "code", "bound"),
    [
        ("p/q.py", "import a.b", [("a", ("a", None))]),
        ("p/q.py", "import a.b as c, d", [("c", ("a.b", None)), ("d", ("d", None))]),
        ("p/q.py", "from a import b, c as d", [("b", ("a", "b")), ("d", ("a", "c"))]),
        ("p/q.py", "from a import *", [("*", ("a", "*"))]),
        ("p/q.py", "from . import a", [("a", ("p", "a"))]),
        ("p/q.py", "from .a import b", [("b", ("p.a", "b"))]),
        ("p/q/__init__.py", "from . import a", [("a", ("p.q", "a"))]),
        ("p/q/__init__.py", "from ..r import a", [("a", ("p.r", "a"))]),
        ("p/q/s.py", "from .. import a", [("a", ("p", "a"))]),
        ("p/q/s.py", "from ..r.t import a", [("a", ("p.r.t", "a"))]),
    ],
)
def test_what_imports_bind(path: str, code: str, bound: list[tuple[str, tuple[str, str | None]]]) -> None:
    module = read_module(path, code)
    node = module.tree.body[0]
    assert isinstance(node, ast.Import | ast.ImportFrom)
    assert import_bindings(node, module) == bound


# -- inheritance -------------------------------------------------------------------------------------------------------


def test_bases_in_other_modules_and_of_others() -> None:
    program = program_of(
        """
        import pydantic
        from pack import b
        from pack.b import Base, Base as Other
        from typing import Generic

        class A(Base): ...
        class B(b.Base, pydantic.BaseModel): ...
        class C(Generic[T], A, Other[int]): ...
        class D(make()): ...
        """,
        b="class Base:\n    def m(self): ...\n    class Inner: ...\nclass Sub(Base.Inner): ...\n",
    )
    classes = program.classes
    base = classes["pack.b:Base"]
    assert [classes[f"pack.a:{name}"].bases for name in "AB"] == [[base], [base]]
    assert classes["pack.a:C"].bases == [classes["pack.a:A"], base]
    assert classes["pack.a:B"].external_bases == ["pydantic.BaseModel"]
    assert classes["pack.a:C"].external_bases == ["Generic"]
    assert classes["pack.a:D"].external_bases == ["<expression>"]
    assert classes["pack.b:Sub"].bases == [classes["pack.b:Base.Inner"]]
    assert [c.symbol for c in base.descendants()] == ["pack.a:A", "pack.a:B", "pack.a:C"]
    assert [c.symbol for c in classes["pack.a:C"].mro()] == ["pack.a:C", "pack.a:A", "pack.b:Base"]
    assert classes["pack.a:C"].find_method("m") is base.methods["m"]
    assert classes["pack.a:C"].find_method("n") is None
    assert [classes[f"pack.a:{name}"].has_external_base() for name in "ABC"] == [False, True, True]


def test_bases_in_functions_and_classes() -> None:
    program = program_of(
        """
        class Base: ...
        def f():
            from pack.b import Base as Imported
            class Local: ...
            class A(Local): ...
            class B(Imported): ...
            class C(Base): ...
        class Outer:
            class In: ...
            class D(In): ...
        class Same:
            class Same(Base): ...
        """,
        b="class Base: ...\n",
    )
    bases = {symbol.split(":")[1]: [b.symbol for b in cls.bases] for symbol, cls in program.classes.items()}
    assert bases["f.<locals>.A"] == ["pack.a:f.<locals>.Local"]
    assert bases["f.<locals>.B"] == ["pack.b:Base"]
    assert bases["f.<locals>.C"] == ["pack.a:Base"]
    assert bases["Outer.D"] == ["pack.a:Outer.In"]
    assert bases["Same.Same"] == ["pack.a:Base"]


def test_the_order_of_bases_is_python_s() -> None:
    program = program_of(
        """
        class Base:
            def m(self): ...
        class Left(Base): ...
        class Right(Base):
            def m(self): ...
        class Both(Left, Right): ...
        """
    )
    assert [c.name for c in program.classes["pack.a:Both"].mro()] == ["Both", "Left", "Right", "Base"]
    assert program.classes["pack.a:Both"].find_method("m") is program.functions["pack.a:Right.m"]


# -- places, libraries, order ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "held"),
    [
        ("pack/a.py", True),
        ("pack/b.py", False),
        ("pack.a:C", True),
        ("pack.a:C.m", True),
        ("pack.a:C.m.<locals>.g", True),
        ("pack.a:C.mm", False),
        ("pack.b:C", False),
        ("pack.a:D", False),
    ],
)
def test_places(place: str, held: bool) -> None:
    code = "class C:\n    def m(self):\n        def g(): ...\n"
    assert function(code, "C.m.<locals>.g").is_in({place}) is held


def test_a_program_that_uses_a_library() -> None:
    library = program_of("class Base: ...\n")
    program = build_program({"mine.py": "from pack.a import Base\nclass Mine(Base): ...\ndef f(): ...\n"}, library)
    assert [m.name for m in program.own_modules()] == ["mine"]
    assert [c.symbol for c in program.own_classes()] == ["mine:Mine"]
    assert [f.symbol for f in program.own_functions()] == ["mine:f"]
    assert program.owns("mine:f") and program.owns("mine.py") and not program.owns("pack.a:Base")
    assert library.classes["pack.a:Base"].subclasses == [program.classes["mine:Mine"]]
    assert "mine" not in library.modules
    program.unlink()
    assert library.classes["pack.a:Base"].subclasses == []


def test_the_order_of_files_does_not_matter() -> None:
    files = {
        f"p/m{n}.py": f"from p.m{n - 1} import C{n - 1}\nclass C{n}(C{n - 1}):\n    def f(self): ...\n"
        for n in range(1, 9)
    }
    files["p/m0.py"] = "class C0: ...\n"
    names = list(files)
    random.Random(1).shuffle(names)
    first, second = build_program(files), build_program({name: files[name] for name in names})
    assert list(first.modules) == list(second.modules)
    assert list(first.functions) == list(second.functions)
    assert [c.symbol for c in first.classes["p.m8:C8"].mro()] == [c.symbol for c in second.classes["p.m8:C8"].mro()]
    assert [c.symbol for c in first.classes["p.m0:C0"].descendants()] == [f"p.m{n}:C{n}" for n in range(1, 9)]


def test_files_of_equal_text_have_trees_of_their_own() -> None:
    """What is known is keyed by nodes, and each text is parsed once."""
    text = "def f(): ...\n"
    library = build_program({"lib/a.py": text, "lib/b.py": text})
    program = build_program({"p.py": text, "q.py": text}, library)
    functions = [program.functions[f"{module}:f"] for module in ("lib.a", "lib.b", "p", "q")]
    assert [program.function_of[function.node] for function in functions] == functions
