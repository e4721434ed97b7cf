"""The checks of a generated package: each kind of seeded defect is found, and sound code is left in peace."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from codemods.errors import ToolError
from codemods.kept import Store
from codemods.verify import DECLARED, Defect, dependency_environment, lint, verify

Tree = Callable[..., Path]

SOUND = {
    "dspy/__init__.py": """
        from dspy.dsp.utils.settings import Settings, settings
        from dspy.module import Module, helper

        configure = settings.configure
        context = settings.context
    """,
    "dspy/dsp/__init__.py": "",
    "dspy/dsp/utils/__init__.py": "from dspy.dsp.utils.settings import settings",
    "dspy/dsp/utils/settings.py": """
        class Settings:
            def configure(self, **kwargs): ...
            def context(self, **kwargs): ...

        settings = Settings()
    """,
    "dspy/module.py": """
        import asyncio

        async def helper(settings):
            return 1

        class Module:
            async def __call__(self, settings):
                return await self.forward(settings)

            acall = __call__

            async def forward(self, settings):
                return await helper(settings)
    """,
}


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Writes a small sound package, with the files given added or replaced."""

    def write(**extra: str) -> Path:
        files = SOUND | {f"dspy/{name}.py": text for name, text in extra.items()}
        for path, text in files.items():
            file = tmp_path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(textwrap.dedent(text).lstrip("\n"), "utf-8")
        return tmp_path

    return write


def found(root: Path, check: str | None = None) -> list[tuple[str, int, str]]:
    """The defects as (file, line, check); with `check`, all must be of that kind."""
    defects = verify(root).defects
    assert check is None or {defect.check for defect in defects} <= {check}, defects
    return [(Path(defect.path).stem, defect.line, defect.check) for defect in defects]


def test_a_sound_package_has_no_defects(tree: Tree) -> None:
    result = verify(tree()).require()
    assert (result.files, result.coroutines, result.defects) == (5, 3, ())
    assert result.skipped == (
        "ruff: upstream's files were not given, to compare with",
        "types: left out, as it takes a minute; --types makes it, and so does `nox -s types`",
        "import: no environment with the package's dependencies was given",
    )
    assert set(result.seconds) == {"alone", "calls", "ruff", "types", "import"}


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="no package to verify") as caught:
        verify(tmp_path)
    assert "dspy-async sync" in caught.value.remedy


def test_require_lists_every_defect(tree: Tree) -> None:
    root = tree(a="import time\nasync def f():\n    time.sleep(1)\n", b="def g(:\n")
    with pytest.raises(ToolError) as caught:
        verify(root).require()
    assert "2 defect(s)" in str(caught.value)
    assert "dspy/a.py:3: blocking" in str(caught.value) and "dspy/b.py:1: grammar" in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        "def f(:",
        "await f()",
        "def f():\n    await g()",
        "def f():\n    return [await g(x) for x in y]",
        "type X = int",
        "def f[T](x): ...",
        "try:\n    ...\nexcept* ValueError:\n    ...",
        "x = a[*b]",
        "async def f(y):\n    return [[await g(x) for x in z] for z in y]",
        "async def f(y):\n    return {k: [v async for v in z] for k, z in y}",
        "return 1",
    ],
)
def test_grammar_the_oldest_python_refuses(tree: Tree, line: str) -> None:
    assert [kind for _, _, kind in found(tree(a=line))] == ["grammar"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="older Pythons refuse these when they parse them")
@pytest.mark.parametrize(
    "line",
    [
        "x = f'{a['b']}'",
        'x = f"{f"{y}"}"',
        "x = f'{\"\\n\".join(y)}'",
        "x = f'{a\n}'",
        'x = f"""{a  # why\n}"""',
    ],
)
def test_f_strings_of_python_312(tree: Tree, line: str) -> None:
    assert {kind for _, _, kind in found(tree(a=line))} == {"grammar"}


@pytest.mark.parametrize(
    "line",
    [
        "x = a[(*b,)]",
        "x = a[b, c]",
        "async def f(y):\n    return [await g(x) for x in y]",
        "async def f(y):\n    return [x for x in [await g(z) for z in y]]",
        "async def f(y):\n    return [(await g(x) for x in z) for z in y]",
        "async def f(y):\n    return [[await g(x) for x in y], 1]",
        "x = f'{a[\"b\"]} \\n {c!r:>{d}}'",
        'x = f"""{a["b"]}"""',
        "with (open('a') as x, open('b') as y):\n    ...",
        "match x:\n    case 1: ...",
    ],
)
def test_grammar_the_oldest_python_knows(tree: Tree, line: str) -> None:
    assert found(tree(a=line)) == []


CALLS = """
    import asyncio
    import dspy
    from dspy import Module, helper
    from dspy.module import helper as other

    class Child(Module):
        def __init__(self, given: Module):
            self.inner = Module()
            self.given = given

        async def forward(self, settings, part: Module = None):
            local = Module()
            {line}

        async def unique_to_package(self, settings):
            return 1

        @staticmethod
        def plain():
            return 2
"""


@pytest.mark.parametrize(
    "line",
    [
        "helper(settings)",
        "other(settings)",
        "dspy.helper(settings)",
        "return helper(settings)",
        "self.forward(settings)",
        "super().forward(settings)",
        "self.acall(settings)",
        "self.inner(settings)",
        "self.inner.forward(settings)",
        "self.given(settings)",
        "local(settings)",
        "part(settings)",
        "Module()(settings)",
        "anything.unique_to_package(settings)",
        "x = helper(settings)",
        "x = helper(settings).answer",
        "x, y = helper(settings)",
        "self.x = helper(settings)",
        "x = helper(settings)[0]",
        "x = helper(settings) + 1",
        "for x in helper(settings): pass",
        "if helper(settings): pass",
        "x = not helper(settings)",
        "x = helper(settings) or 1",
        "x = f'{helper(settings)}'",
        "x = [each for each in helper(settings)]",
        "x = len(helper(settings))",
        "x = dict(a=helper(settings))",
        "x = {'a': helper(settings)}",
        "x = sum([helper(settings) for _ in y])",
        "x = 1 if helper(settings) else 2",
        "assert helper(settings)",
        "x = await plain_function(helper(settings))",
        "with helper(settings) as x: pass",
    ],
)
def test_a_coroutine_nobody_awaits(tree: Tree, line: str) -> None:
    places = found(tree(child=CALLS.format(line=line)), "await")
    assert places == [("child", 13, "await")]


@pytest.mark.parametrize(
    "line",
    [
        "await helper(settings)",
        "x = (await helper(settings)).answer",
        "x = await (helper(settings) if y else self.forward(settings))",
        "task = asyncio.create_task(helper(settings))",
        "x = await asyncio.gather(helper(settings), *[self.forward(settings) for _ in y])",
        "x = await asyncio.gather(*(helper(settings) for _ in y))",
        "x = helper(settings); return await x",
        "x = [helper(settings) for _ in y]; await asyncio.gather(*x)",
        "tasks.append(helper(settings))",
        "x = lambda: helper(settings)",
        "x = helper",
        "self.plain()",
        "re.unknown(settings)",
        "x = 'a {}'.format(1)",
        "helper = len; helper(y)",
        "asyncio.unique_to_package(settings)",
        "context.helper(settings)",
        "x = Module()",
    ],
)
def test_a_coroutine_somebody_awaits(tree: Tree, line: str) -> None:
    assert found(tree(child=CALLS.format(line=line))) == []


def test_method_names_that_others_have_too(tree: Tree) -> None:
    """A class of the package may call its coroutine `start`; that says nothing of a thread's."""
    code = """
        class Sandbox:
            async def start(self): ...
            async def wait(self): ...
            async def end(self): ...

            async def go(self, thread, popen, match):
                thread.start()
                popen.wait()
                return match.end() + 1
    """
    assert found(tree(a=code)) == []
    assert found(tree(a=code.replace("thread.start()", "self.start()"))) == [("a", 7, "await")]


def test_a_declared_context_variable(tree: Tree) -> None:
    code = "from contextvars import ContextVar\nheld: ContextVar[int] = ContextVar('held')\n"
    assert found(tree(a=code), "settings") == [("a", 2, "settings")]
    declared = dict.fromkeys(("dspy", "dspy.dsp.utils", "dspy.dsp.utils.settings", "dspy.a.held"), "")
    assert verify(tree(a=code), declared=declared).defects == ()


def test_a_wrapper_may_hand_the_coroutine_back(tree: Tree) -> None:
    wrapper = """
        from dspy.module import helper

        def decorator(fn):
            def wrapper(settings):
                return helper(settings)
            return wrapper
    """
    assert found(tree(a=wrapper)) == []


def test_a_method_is_looked_up_in_the_bases_of_other_modules(tree: Tree) -> None:
    root = tree(
        base="class Base:\n    async def step(self): ...\n    def quick(self): ...",
        child="""
            from .base import Base as Parent

            class Child(Parent):
                async def go(self):
                    self.quick()
                    self.step()
        """,
        elsewhere="class Other:\n    def step(self): ...",
    )
    assert found(root) == [("child", 6, "await")]


ARGUMENTS = """
    import contextlib
    from dspy.supplied import takes_settings, changes_everything

    async def plain(a, b=1, *, c=2): ...
    async def with_settings(settings, a, b=1): ...
    async def only_positional(settings, /, **kwargs): ...

    @takes_settings
    async def checked(settings, /, a): ...

    @changes_everything
    async def unknown(settings): ...

    class Thing:
        def __init__(self, settings): ...
        async def __call__(self, settings, a): ...
        async def method(self, settings, a): ...
        @staticmethod
        def static(settings): ...
        @classmethod
        def made(cls, settings): ...

        async def go(self, settings, inner_settings, args):
            thing = Thing()
            {line}
"""


@pytest.mark.parametrize(
    "line",
    [
        "await plain(settings, 1, 2)",
        "await plain(inner_settings, 1, 2, c=3)",
        "await with_settings(1)",
        "await with_settings(settings, 1, 2, 3)",
        "await with_settings(settings, 1, d=2)",
        "await with_settings(settings, 1, a=2)",
        "await with_settings(a=1)",
        "await only_positional(a=1)",
        "await only_positional(settings, 1)",
        "await checked(settings)",
        "await self.method(settings)",
        "await self.method(1)",
        "await thing(settings)",
        "await thing.method(settings)",
        "self.static()",
        "self.made()",
        "await super().go(settings)",
    ],
)
def test_arguments_the_target_does_not_take(tree: Tree, line: str) -> None:
    code = ARGUMENTS.format(line=line)
    if "super" in line:
        code = code.replace("class Thing:", "class Thing(Base):").replace(
            "import contextlib", "from dspy.base import Base"
        )
    base = "class Base:\n    async def go(self, settings, a): ...\n"
    assert [kind for _, _, kind in found(tree(a=code, base=base))] == ["arguments"]


@pytest.mark.parametrize(
    "line",
    [
        "await plain(1, 2, c=3)",
        "await plain()  # nothing to do with settings",
        "await with_settings(settings, 1)",
        "await with_settings(settings=settings, a=1)",
        "await with_settings(*args)",
        "await with_settings(settings, **args)",
        "await only_positional(settings, a=1, settings=2)",
        "await checked(settings, 1)",
        "await checked(settings=settings, a=1)",
        "await unknown(1, 2, 3)",
        "await self.method(settings, 1)",
        "await thing(settings, a=1)",
        "self.static(settings)",
        "self.made(settings)",
        "plain = lambda s: s; plain(settings)",
    ],
)
def test_arguments_the_target_takes(tree: Tree, line: str) -> None:
    root = tree(a=ARGUMENTS.format(line=line))
    assert [defect for defect in verify(root).defects if defect.check == "arguments"] == []


def test_an_async_generator_is_not_awaited(tree: Tree) -> None:
    code = """
        async def numbers():
            yield 1

        async def user():
            stream = numbers()
            async for x in numbers():
                pass
            return numbers()
    """
    assert found(tree(a=code)) == []


@pytest.mark.parametrize(
    "code",
    [
        "import dspy\ndef f():\n    return dspy.settings.lm",
        "import dspy\nasync def f():\n    with dspy.context(lm=1): ...",
        "import dspy\ndef f():\n    dspy.configure(lm=1)",
        "from dspy.dsp.utils.settings import settings\ndef f():\n    return settings.lm",
        "from dspy.dsp.utils import settings\ndef f(other):\n    return settings.lm",
        "def f():\n    from dspy import settings as s\n    return s.get('lm')",
        "import dspy.dsp.utils.settings\ndef f():\n    return dspy.dsp.utils.settings.settings.lm",
        "from dspy.dsp.utils.settings import thread_local_overrides",
        "import threading\nstate = threading.local()",
        "from contextvars import ContextVar\nx = ContextVar('x')",
        "from dspy import settings\nlm = settings.lm",
    ],
)
def test_global_settings(tree: Tree, code: str) -> None:
    assert [kind for _, _, kind in found(tree(a=code))] == ["settings"]


@pytest.mark.parametrize(
    "code",
    [
        "from dspy import settings\ndef f(settings):\n    return settings.lm",
        "from dspy import settings\ndef f(settings):\n    def g():\n        return settings.context()\n    return g",
        "from dspy.dsp.utils.settings import Settings\ndef f(s):\n    return isinstance(s, Settings)",
        "import dspy\ndef f(s):\n    return isinstance(s, dspy.dsp.utils.settings.Settings)",
        "def f(settings):\n    with settings.context(lm=1) as inner_settings:\n        return inner_settings.lm",
        "def f(self):\n    return self.settings.lm",
    ],
)
def test_settings_that_were_handed_over(tree: Tree, code: str) -> None:
    assert found(tree(a=code)) == []


def test_a_package_that_is_shipped_along_is_none_of_its_business(tree: Tree) -> None:
    code = "from contextvars import ContextVar\nvalue = ContextVar('value')\n"
    root = tree(a=code)
    (root / "dspy/_vendor").mkdir()
    (root / "dspy/_vendor/theirs.py").write_text(code)
    assert [each.path for each in verify(root).defects] == ["dspy/a.py"]


def test_declared_readers_of_global_settings(tree: Tree) -> None:
    root = tree(a="import dspy\ndef f():\n    return dspy.settings.lm")
    assert len(verify(root).defects) == 1
    declared = {"dspy": "", "dspy.dsp.utils": "", "dspy.dsp.utils.settings": "", "dspy.a": "a reason"}
    assert verify(root, declared=declared).defects == ()


@pytest.mark.parametrize(
    "call",
    [
        "time.sleep(1)",
        "asyncio.run(g())",
        "nap(1)",
        "subprocess.run(['ls'])",
        "requests.get('x')",
        "urllib.request.urlopen('x')",
        "loop.run_until_complete(g())",
        "[requests.post(x) for x in y]",
    ],
)
def test_a_call_that_blocks_the_loop(tree: Tree, call: str) -> None:
    imports = "import asyncio, subprocess, time, urllib.request, requests\nfrom time import sleep as nap\n"
    code = f"{imports}{{}} f(y):\n    {call}\n"
    assert found(tree(a=code.format("async def"))) == [("a", 4, "blocking")]
    assert found(tree(a=code.format("def"))) == []


def test_what_runs_in_a_thread_may_block(tree: Tree) -> None:
    code = """
        import asyncio, time

        async def f():
            def slow():
                time.sleep(1)
            await asyncio.to_thread(slow)
            await asyncio.to_thread(lambda: time.sleep(1))
            await asyncio.to_thread(time.sleep, 1)
            await asyncio.sleep(1)
    """
    assert found(tree(a=code)) == []


def test_a_threads_lock_is_not_held_across_an_await(tree: Tree) -> None:
    code = """
        import asyncio

        class A:
            async def f(self):
                with self.error_lock:
                    self.count += 1
                async with self.lock:
                    await asyncio.sleep(0)
                with self.error_lock:
                    await asyncio.sleep(0)
    """
    assert found(tree(a=code)) == [("a", 9, "blocking")]


@pytest.mark.parametrize(
    "definition",
    [
        "async def __init__(self): ...",
        "async def __len__(self): ...",
        "async def __enter__(self): ...",
        "@property\n    async def x(self): ...",
        "@functools.lru_cache(maxsize=1)\n    async def x(self): ...",
        "@contextlib.contextmanager\n    async def x(self):\n        yield",
    ],
)
def test_coroutines_where_nothing_waits(tree: Tree, definition: str) -> None:
    code = f"import contextlib, functools\nclass A:\n    {definition}\n"
    assert [kind for _, _, kind in found(tree(a=code))] == ["shape"]


def test_special_methods_that_may_be_async(tree: Tree) -> None:
    code = """
        import contextlib

        class A:
            async def __call__(self): ...
            async def __aenter__(self): ...
            async def __aexit__(self, *error): ...
            async def __anext__(self): ...
            async def __aiter__(self):
                yield 1
            @contextlib.asynccontextmanager
            async def x(self):
                yield
    """
    assert found(tree(a=code)) == []


class TestRuff:
    """What ruff finds in the output beyond what it finds in upstream's own files."""

    def check(self, tree: Tree, code: str, upstream: str | None = "") -> list[tuple[int, str]]:
        """Line and rule of each finding in a module of the package; upstream's one is `upstream`, or not there."""
        root = tree(a=code)
        texts = {file.relative_to(root).as_posix(): file.read_text("utf-8") for file in root.rglob("*.py")}
        del texts["dspy/a.py"]
        if upstream is not None:
            texts["dspy/a.py"] = textwrap.dedent(upstream).lstrip("\n")
        defects = [each for each in verify(root, upstream=texts).defects if each.check == "ruff"]
        assert {each.path for each in defects} <= {"dspy/a.py"}
        return [(each.line, each.message.split()[0]) for each in defects]

    @pytest.mark.parametrize(
        ("body", "rule"),
        [
            ("open('x')", "ASYNC230"),
            ("pathlib.Path('x').open()", "ASYNC230"),
            ("time.sleep(1)", "ASYNC251"),
            ("subprocess.run(['ls'])", "ASYNC221"),
            ("subprocess.Popen(['ls'])", "ASYNC220"),
            ("os.waitpid(1, 0)", "ASYNC222"),
            ("requests.get('x')", "ASYNC210"),
            ("input()", "ASYNC250"),
            ("while y:\n        await asyncio.sleep(1)", "ASYNC110"),
        ],
    )
    def test_what_waits_in_a_coroutine(self, tree: Tree, body: str, rule: str) -> None:
        imports = "import asyncio, os, pathlib, requests, subprocess, time\n"
        uses = "USED = asyncio, os, pathlib, requests, subprocess, time\n"
        code = f"{imports}{uses}async def f(y):\n    {body}\n"
        assert self.check(tree, code, code.replace("async ", "").replace("await ", "")) == [(4, rule)]
        assert self.check(tree, code, code) == []

    @pytest.mark.parametrize(
        ("code", "expected"),
        [
            ("import os\n", (1, "F401")),
            ("from dspy.module import helper as other\n", (1, "F401")),
            ("def f(): ...\ndef f(): ...\n", (2, "F811")),
            ("x = settings\n", (1, "F821")),
            ("def f():\n    x = 1\n", (2, "F841")),
        ],
    )
    def test_names(self, tree: Tree, code: str, expected: tuple[int, str]) -> None:
        assert self.check(tree, code) == [expected]
        assert self.check(tree, code, None) == [expected], "a module that upstream does not have"
        assert self.check(tree, f"\n# further down\n\n{code}", code) == []

    def test_another_name_than_upstreams(self, tree: Tree) -> None:
        assert self.check(tree, "import os\nimport re\n", "import os\n") == [(2, "F401")]

    def test_upstreams_fault_in_another_module(self, tree: Tree) -> None:
        root = tree(a="import os\n", b="import os\n")
        upstream = {each: (root / each).read_text() for each in SOUND} | {"dspy/b.py": "import os\n"}
        assert [each.path for each in verify(root, upstream=upstream).defects] == ["dspy/a.py"]

    def test_once_more_than_upstream(self, tree: Tree) -> None:
        code = "def f():\n    x = 1\ndef g():\n    x = 1\n"
        assert self.check(tree, code, "def f():\n    x = 1\n") == [(4, "F841")]

    def test_another_coroutine_than_upstreams(self, tree: Tree) -> None:
        code = "class A:\n    {}def f(self):\n        open('x')\n    {}def g(self):\n        open('x')\n"
        assert self.check(tree, code.format("async ", "async "), code.format("async ", "")) == [(5, "ASYNC230")]
        assert self.check(tree, code.format("async ", "async "), code.format("async ", "async ")) == []

    def test_what_says_why_not(self, tree: Tree) -> None:
        assert self.check(tree, "import os  # noqa: F401 - for those who import it from here\n") == []

    def test_a_module_that_does_not_parse_is_not_its_business(self, tree: Tree) -> None:
        root = tree(a="def f(:\n")
        upstream = {each: (root / each).read_text() for each in SOUND}
        assert {each.check for each in verify(root, upstream=upstream).defects} == {"grammar"}

    def test_no_configuration_from_outside(self, tree: Tree) -> None:
        root = tree()
        (root / "pyproject.toml").write_text("[tool.ruff]\nexclude = ['*']\n")
        (root / ".gitignore").write_text("dspy\n")
        assert self.check(tree, "import os\n") == [(1, "F401")]

    def test_what_is_kept_is_not_asked_again(self, tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[list[str]] = []
        run = lint._run

        def noted(folder: Path, paths: Iterable[str]) -> Any:
            asked.append(sorted(paths))
            return run(folder, asked[-1])

        monkeypatch.setattr(lint, "_run", noted)
        store, code = Store(tmp_path / "kept"), "import os\n"
        for changed in ("", "x = 1\n", "x = 1\n"):
            root = tree(a=code + changed)
            upstream = {each: (root / each).read_text() for each in SOUND}
            found = [str(each) for each in verify(root, upstream=upstream, store=store).defects if each.check == "ruff"]
            assert len(found) == 1 and "os" in found[0]
        assert asked == [sorted([*SOUND, "dspy/a.py"]), ["dspy/a.py"]]

    def test_ruff_that_does_not_run(self, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("codemods.verify.lint.RULES", ("NO-SUCH-RULE",))
        with pytest.raises(ToolError, match="ruff could not check") as caught:
            verify(tree(), upstream={})
        assert "NO-SUCH-RULE" in str(caught.value)


class TestImports:
    """The import check, with this interpreter as the clean environment."""

    def check(self, root: Path, upstream: dict[str, str] | None = None):
        result = verify(root, python=Path(sys.executable), upstream=upstream or {})
        return replace(result, defects=tuple(each for each in result.defects if each.check == "import"))

    def test_all_modules_import(self, tree: Tree) -> None:
        result = self.check(tree())
        assert (result.imported, result.defects) == (5, ())
        assert [each.partition(":")[0] for each in result.skipped] == ["types"]

    def test_a_module_that_does_not(self, tree: Tree) -> None:
        result = self.check(tree(a="import dspy.no_such_thing", b="1 / 0", c="from dspy import nothing_like_it"))
        assert [(defect.path, defect.line, defect.check) for defect in result.defects] == [
            (f"dspy/{name}.py", 1, "import") for name in "abc"
        ]
        assert "ZeroDivisionError" in str(result.defects[1])
        assert result.imported == 5

    def test_one_that_takes_others_along_is_one_defect(self, tree: Tree) -> None:
        result = self.check(tree(a="x = 1\n1 / 0", b="import dspy.a", c="import dspy.b"))
        assert [(defect.path, defect.line) for defect in result.defects] == [("dspy/a.py", 2)]
        assert result.imported == 5

    def test_a_distribution_that_is_not_required_anywhere(self, tree: Tree) -> None:
        result = self.check(tree(a="import surely_not_installed"))
        assert result.defects == (Defect("dspy/a.py", 1, "import", result.defects[0].message),)
        assert "surely_not_installed" in result.defects[0].message

    def test_one_that_an_extra_names(self, tree: Tree) -> None:
        root = tree(a="import surely_not_installed")
        extras = {"some": ["surely-not-installed>=1; python_version >= '3'"]}
        lines = [f"{name} = {json.dumps(wanted)}" for name, wanted in extras.items()]
        (root / "pyproject.toml").write_text("[project]\n[project.optional-dependencies]\n" + "\n".join(lines))
        result = self.check(root)
        assert result.defects == () and result.imported == 5
        assert [(each.module, each.missing) for each in result.optional] == [("dspy.a", "surely_not_installed")]

    def test_one_that_upstreams_file_imports_too(self, tree: Tree) -> None:
        code = "try:\n    import surely_not_installed\nexcept ImportError:\n    raise ImportError('an extra')\n"
        root = tree(a=code, b=code)
        result = self.check(root, {"dspy/a.py": code})
        assert [each.module for each in result.optional] == ["dspy.a"]
        assert [defect.path for defect in result.defects] == ["dspy/b.py"]

    def test_a_module_that_takes_the_streams_over(self, tree: Tree) -> None:
        code = "import os, sys\nos.dup2(os.open(os.devnull, os.O_WRONLY), 1)\nprint('lost')\n"
        assert self.check(tree(a=code, b="1 / 0")).imported == 6

    def test_a_module_that_only_says_where_its_contents_went(self, tree: Tree) -> None:
        result = self.check(tree(a='"""Moved."""\n\nraise ImportError("it is elsewhere")\n'))
        assert (result.imported, result.defects, result.optional) == (5, (), ())

    def test_a_module_that_ends_the_interpreter(self, tree: Tree) -> None:
        with pytest.raises(ToolError, match="import check ended with status"):
            self.check(tree(a="import os; os._exit(3)"))

    def test_the_environment_of_the_caller_does_not_leak_in(
        self, tree: Tree, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        elsewhere = tmp_path_factory.mktemp("path")
        (elsewhere / "leaked_module.py").write_text("")
        monkeypatch.setenv("PYTHONPATH", str(elsewhere))
        assert [each.path for each in self.check(tree(a="import leaked_module")).defects] == ["dspy/a.py"]

    def test_bytecode_is_kept_of_the_environment_and_not_of_the_package(self, tree: Tree, tmp_path: Path) -> None:
        python = dependency_environment([], tmp_path / "cache", run=done)
        assert python is not None
        site = next((python.parent.parent / "lib").glob("python*/site-packages"))
        (site / "needed.py").write_text("x = 1\n")
        root = tree(a="from needed import x", b="import not_there")
        assert [defect.path for defect in verify(root, python=python).defects] == ["dspy/b.py"]
        assert list(site.rglob("needed.*.pyc")) and not list((root / "dspy").rglob("*.pyc"))


class TestEnvironment:
    """The cached environment for the import check."""

    def test_made_once_per_list_of_dependencies(self, tmp_path: Path) -> None:
        commands: list[list[str]] = []

        def run(command: list[str]) -> subprocess.CompletedProcess[str]:
            commands.append(command)
            return subprocess.CompletedProcess(command, 0, "", "")

        first = dependency_environment(["b", "a>=1"], tmp_path, run=run)
        again = dependency_environment(["a>=1", "b"], tmp_path, run=run)
        other = dependency_environment(["a>=2"], tmp_path, run=run)
        assert first is not None and first == again != other and first.exists()
        assert [command[-2:] for command in commands] == [["a>=1", "b"], ["--quiet", "a>=2"]]

    def test_versions_as_constrained(self, tmp_path: Path) -> None:
        commands: list[list[str]] = []

        def run(command: list[str]) -> subprocess.CompletedProcess[str]:
            commands.append(command)
            return subprocess.CompletedProcess(command, 0, "", "")

        constraints = tmp_path / "constraints.txt"
        made: set[Path | None] = {dependency_environment(["a"], tmp_path, run=run)}
        for version in ("1", "2", "2"):
            constraints.write_text(f"a=={version}\n")
            made.add(dependency_environment(["a"], tmp_path, constraints=constraints, run=run))
        assert len(made) == len(commands) == 3
        assert ["--constraint" in command for command in commands] == [False, True, True]

    def test_not_made_when_told_so(self, tmp_path: Path) -> None:
        assert dependency_environment(["a"], tmp_path, build=False) is None

    def test_a_failed_one_is_made_again(self, tmp_path: Path) -> None:
        def fails(command: list[str]) -> subprocess.CompletedProcess[str]:
            return subprocess.CompletedProcess(command, 1, "", "no index here")

        with pytest.raises(ToolError, match="no index here"):
            dependency_environment(["a"], tmp_path, run=fails)
        assert dependency_environment(["a"], tmp_path, build=False) is None


def done(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.CompletedProcess(command, 0, "", "")


class TestKept:
    """What a file says by itself is kept by its text; what others say of it is not."""

    def test_defects_are_found_again(self, tree: Tree, tmp_path: Path) -> None:
        root = tree(a="import time\nasync def f():\n    time.sleep(1)\n", b="x = (\n")
        store = Store(tmp_path / "kept")
        first = verify(root, store=store)
        assert {each.check for each in first.defects} == {"blocking", "grammar"}
        assert verify(root, store=store).defects == first.defects

    def test_a_file_that_changed_is_looked_at_again(self, tree: Tree, tmp_path: Path) -> None:
        store = Store(tmp_path / "kept")
        assert verify(tree(a="x = 1\n"), store=store).defects == ()
        assert [each.check for each in verify(tree(a="x = (\n"), store=store).defects] == ["grammar"]

    def test_a_caller_is_looked_at_again_when_another_file_changed(self, tree: Tree, tmp_path: Path) -> None:
        store, caller = Store(tmp_path / "kept"), "from dspy.b import f\ndef g():\n    f()\n"
        assert verify(tree(a=caller, b="def f(): ...\n"), store=store).defects == ()
        found = verify(tree(a=caller, b="async def f(): ...\n"), store=store).defects
        assert [(each.path, each.check) for each in found] == [("dspy/a.py", "await")]

    def test_what_is_declared_counts(self, tree: Tree, tmp_path: Path) -> None:
        store, root = Store(tmp_path / "kept"), tree(a="import threading\nheld = threading.local()\n")
        assert [each.check for each in verify(root, store=store).defects] == ["settings"]
        assert verify(root, store=store, declared={**DECLARED, "dspy.a.held": "a test"}).defects == ()

    def test_equal_files_are_told_apart(self, tree: Tree) -> None:
        text = "from .b import f\ndef g():\n    f()\n"
        files = {"p/__init__": "", "q/__init__": "", "p/a": text, "q/a": text}
        found = verify(tree(**files, **{"p/b": "def f(): ...\n", "q/b": "async def f(): ...\n"})).defects
        assert [(each.path, each.check) for each in found] == [("dspy/q/a.py", "await")]
