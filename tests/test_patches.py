"""The patch engine: what a patch does to the text, what must stay as it is, and each error it can meet."""

from __future__ import annotations

import random
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from codemods.errors import ToolError
from codemods.patches import PatchSet, accept, apply_patches, footings, load_patches
from codemods.stages import Patched
from codemods.symbols import SymbolError, find

VERSION = "3.3.1"
MODULE = '''\
"""A module."""

from __future__ import annotations

import os
import zlib

import tqdm

from pack.other import thing

LIMIT = 3  # how many


class Base:
    """What others build on."""

    kind: str = "base"

    def __init__(self, count=None, limit=None):
        # the count
        self.count = count or settings.count
        self.limit = (  # how far
            limit
        )

    @staged
    @cached(size=1)
    def run(self, items):
        """Run."""
        # why there is a lock
        # and who takes it
        lock = make_lock()
        with lock as held:
            for item in items:  # all of them
                held.take(item)

        def inner(x):
            return x * self.count

        return [inner(item) for item in items]

    def last(self):
        return f"{self.count}: {self.limit}"


def helper(a):
    if a: return 1
    return a
'''
FILES = {"pack/__init__.py": "", "pack/mod.py": MODULE, "pack/other.py": "thing = 1\n", "pack/data.json": "{"}

Make = Callable[..., PatchSet]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Write patches (without `reason` and `releases`) and accept the module's symbols as they are."""

    def make(*patches: str, code: Mapping[str, str] | None = None, reviewed: bool = True) -> PatchSet:
        for path, text in (code or {}).items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
        (tmp_path / "a.toml").write_text("\n".join(_table(patch) for patch in patches))
        loaded = load_patches(tmp_path)
        chosen = [patch for patch in loaded.patches if patch.patch.kind != "add" and patch.applies(VERSION)]
        for symbol in {patch.symbol for patch in chosen} if reviewed else ():
            accept(tmp_path, symbol, FILES, VERSION)
        return load_patches(tmp_path)

    make.folder = tmp_path  # type: ignore[attr-defined]
    return make


def _table(patch: str) -> str:
    body = textwrap.dedent(patch).strip()
    rest = [line for line in ('releases = ">=3,<4"', 'reason = "because it must be"') if line.split()[0] not in body]
    kind, _, tail = body.partition("\n")
    return "\n".join(["[[patch]]", kind, *rest, tail, ""])


def _edit(symbol: str, find: str, replace: str = "", more: str = "") -> str:
    return "\n".join(
        [
            f"kind = \"edit\"\nsymbol = \"{symbol}\"\n[[patch.edit]]\nfind = '''\n{find}\n'''",
            f"replace = '''\n{replace}\n'''",
            more,
        ]
    )


def changed(patches: PatchSet, path: str = "pack/mod.py") -> list[str]:
    """Lines gone, then lines new, each with its sign."""
    result = apply_patches(FILES, patches, VERSION)
    assert {name: text for name, text in result.files.items() if name != path} == {
        name: text for name, text in FILES.items() if name != path
    }
    old, new = FILES[path].splitlines(), result.files[path].splitlines()
    gone = [f"-{line}" for line in old if line not in new]
    return gone + [f"+{line}" for line in new if line not in old]


def failing(patches: Callable[[], PatchSet]) -> str:
    with pytest.raises(ToolError) as error:
        apply_patches(FILES, patches(), VERSION)
    return str(error.value)


# --- edits -------------------------------------------------------------------------------------------------------


def test_an_expression_is_found_whatever_its_formatting(make: Make) -> None:
    patches = make(_edit("pack.mod:Base.__init__", "count   or (settings . count)", "count"))
    assert changed(patches) == [
        "-        self.count = count or settings.count",
        "+        self.count = count",
    ]


def test_an_expression_gets_parentheses_where_it_needs_them(make: Make) -> None:
    patches = make(_edit("pack.mod:Base.run.inner", "self.count", "self.count + 1"))
    assert changed(patches)[1:] == ["+            return x * (self.count + 1)"]


def test_a_statement_becomes_several_at_its_indentation(make: Make) -> None:
    patches = make(_edit("pack.mod:Base.run", "lock = make_lock()", "if fast:\n    lock = None\nelse:\n    lock = 1"))
    assert changed(patches) == [
        "-        lock = make_lock()",
        "+        if fast:",
        "+            lock = None",
        "+        else:",
        "+            lock = 1",
    ]


def test_comments_go_with_a_statement_only_when_told(make: Make) -> None:
    assert changed(make(_edit("pack.mod:Base.run", "lock = make_lock()"))) == ["-        lock = make_lock()"]
    assert changed(make(_edit("pack.mod:Base.run", "lock = make_lock()", more="comments = true"))) == [
        "-        # why there is a lock",
        "-        # and who takes it",
        "-        lock = make_lock()",
    ]


def test_a_run_of_statements(make: Make) -> None:
    run = "import os\nimport zlib"
    assert changed(make(_edit("pack.mod:", run, "import zlib"))) == ["-import os"]


def test_the_only_statement_of_a_block_becomes_pass(make: Make) -> None:
    assert changed(make(_edit("pack.mod:Base.run", "held.take(item)"))) == [
        "-                held.take(item)",
        "+                pass",
    ]


def test_the_first_line_of_a_statement_keeps_its_body(make: Make) -> None:
    patches = make(_edit("pack.mod:Base.run", "with lock as held: ...", "held = lock()\nasync with held: ..."))
    assert changed(patches) == [
        "-        with lock as held:",
        "+        held = lock()",
        "+        async with held:",
    ]
    for_line = make(_edit("pack.mod:Base.run", "for item in items: ...", "async for item in items: ..."))
    assert changed(for_line)[1:] == ["+            async for item in items:  # all of them"]


def test_the_first_line_of_a_function_with_and_without_its_decorators(make: Make) -> None:
    plain = make(_edit("pack.mod:Base.run", "def run(self, items): ...", "async def run(self, settings, items): ..."))
    assert changed(plain) == [
        "-    def run(self, items):",
        "+    async def run(self, settings, items):",
    ]
    with_them = _edit(
        "pack.mod:Base.run",
        "@staged\n@cached(size=1)\ndef run(self, items): ...",
        "@staged\nasync def run(\n    self,\n    items,\n): ...",
    )
    assert changed(make(with_them)) == [
        "-    @cached(size=1)",
        "-    def run(self, items):",
        "+    async def run(",
        "+        self,",
        "+        items,",
        "+    ):",
    ]


def test_the_first_line_of_a_class(make: Make) -> None:
    assert changed(make(_edit("pack.mod:Base", "class Base: ...", "class Base(Twin): ..."))) == [
        "-class Base:",
        "+class Base(Twin):",
    ]


def test_a_module_stands_for_its_own_statements(make: Make) -> None:
    assert "+LIMIT = 4  # how many" in changed(make(_edit("pack.mod:", "LIMIT = 3", "LIMIT = 4")))
    assert "expects 1 of this in pack.mod:" in failing(lambda: make(_edit("pack.mod:", "return a", "return b")))


def test_a_class_stands_for_its_own_statements(make: Make) -> None:
    patches = make(_edit("pack.mod:Base", '"base"', '"other"'))
    assert changed(patches)[1:] == ['+    kind: str = "other"']
    assert "there are 0" in failing(lambda: make(_edit("pack.mod:Base", "self.count", "self.size")))


def test_expected_more_than_once(make: Make) -> None:
    patches = make(_edit("pack.mod:Base.run", "items", "things", more="expect = 2"))
    assert len([line for line in changed(patches) if line.startswith("+")]) == 2


def test_wrong_count_names_patch_symbol_file_and_lines(make: Make) -> None:
    message = failing(lambda: make(_edit("pack.mod:Base.run", "items", "things")))
    assert (
        "a.toml:1: the patch for pack.mod:Base.run expects 1 of this in pack.mod:Base.run (pack/mod.py:27)" in message
    )
    assert "there are 2 (pack/mod.py:35, pack/mod.py:41)" in message
    assert "    items" in message


def test_what_is_in_an_f_string_is_not_found(make: Make) -> None:
    # Its position would be wrong on Python 3.11: the whole string can be replaced.
    assert "there are 0" in failing(lambda: make(_edit("pack.mod:Base.last", "self.count", "self.size")))
    whole = make(_edit("pack.mod:Base.last", 'f"{self.count}: {self.limit}"', "str(self)"))
    assert changed(whole)[1:] == ["+        return str(self)"]


def test_a_statement_that_shares_its_line(make: Make) -> None:
    assert changed(make(_edit("pack.mod:helper", "return 1", "return 2")))[1:] == ["+    if a: return 2"]
    several = failing(lambda: make(_edit("pack.mod:helper", "return 1", "b = 1\nreturn b")))
    assert "puts several lines where other code shares the line (pack/mod.py:48)" in several
    assert "shares its line" in failing(lambda: make(_edit("pack.mod:helper", "return 1")))


@pytest.mark.parametrize(
    ("find", "replace", "problem"),
    [
        ("", "x", "has an empty `find`"),
        ("def (", "x", "a.toml:1: edit.edit.0.find: Value error, not valid Python: invalid syntax in line 1"),
        ("items", "x = 1", "replaces an expression by something that is none"),
        ("with lock as held: ...", "lock()", "must end in one with the body `...`"),
        ("lock = make_lock()", "lock = (", "a.toml:1: edit.edit.0.replace: Value error, not valid Python"),
    ],
)
def test_edits_that_make_no_sense(make: Make, find: str, replace: str, problem: str) -> None:
    assert problem in failing(lambda: make(_edit("pack.mod:Base.run", find, replace, more="expect = 1")))


def test_deleting_leaves_no_hole(make: Make) -> None:
    text = apply_patches(FILES, make(_edit("pack.mod:", "import tqdm")), VERSION).files["pack/mod.py"]
    assert "import zlib\n\nfrom pack.other import thing\n" in text


# --- replace, remove, insert, add ----------------------------------------------------------------------------------


def test_replace_a_method_by_a_file_beside(make: Make) -> None:
    code = '''\
import settings

# --- patch ---
def run(self, items):
    """Run them.

    All of them.
    """
    return """
as it is"""
'''
    patches = make('kind = "replace"\nsymbol = "pack.mod:Base.run"\nfile = "run.py"', code={"run.py": code})
    text = apply_patches(FILES, patches, VERSION).files["pack/mod.py"]
    assert (
        '''
    def run(self, items):
        """Run them.

        All of them.
        """
        return """
as it is"""

    def last(self):
'''
        in text
    )
    assert "@staged" not in text
    assert "import settings" not in text


def test_replace_an_assignment(make: Make) -> None:
    patches = make('kind = "replace"\nsymbol = "pack.mod:LIMIT"\ncode = "LIMIT: int = 5"')
    assert changed(patches) == ["-LIMIT = 3  # how many", "+LIMIT: int = 5  # how many"]


def test_a_replacement_defines_what_it_replaces(make: Make) -> None:
    message = failing(lambda: make('kind = "replace"\nsymbol = "pack.mod:helper"\ncode = "def other(): pass"'))
    assert "a.toml:1: the code for pack.mod:helper defines no helper" in message


def test_remove(make: Make) -> None:
    text = apply_patches(FILES, make('kind = "remove"\nsymbol = "pack.mod:Base.run"'), VERSION).files["pack/mod.py"]
    assert "        )\n\n    def last(self):" in text
    at_the_end = make('kind = "remove"\nsymbol = "pack.mod:helper"')
    assert apply_patches(FILES, at_the_end, VERSION).files["pack/mod.py"].endswith('{self.limit}"\n')


def test_insert_before_and_after(make: Make) -> None:
    patches = make(
        'kind = "insert"\nposition = "before"\nsymbol = "pack.mod:Base.last"\ncode = "def first(self): return 1"',
        'kind = "insert"\nposition = "after"\nsymbol = "pack.mod:Base.last"\ncode = "other = last"',
        'kind = "insert"\nposition = "after"\nsymbol = "pack.mod:LIMIT"\ncode = "MORE = 4"',
        'kind = "insert"\nposition = "after"\nsymbol = "pack.mod:helper"\ncode = "class Last: pass"',
    )
    text = apply_patches(FILES, patches, VERSION).files["pack/mod.py"]
    assert "\n    def first(self): return 1\n\n    def last(self):\n" in text
    assert '{self.limit}"\n\n    other = last\n\n\ndef helper' in text
    assert "LIMIT = 3  # how many\nMORE = 4\n\n\nclass Base" in text
    assert text.endswith("    return a\n\n\nclass Last: pass\n")


def test_imports_go_where_isort_puts_them_and_each_once(make: Make) -> None:
    imports = '"""\nimport asyncio\nimport tqdm\nfrom pack.a import x\nimport six\n"""'
    patches = make(
        *(f'kind = "remove"\nsymbol = "pack.mod:Base.{name}"\nimports = {imports}' for name in ("run", "last"))
    )
    text = apply_patches(FILES, patches, VERSION).files["pack/mod.py"]
    head = text.partition("LIMIT")[0].partition('"""A module."""\n')[2]
    assert head == (
        "\nfrom __future__ import annotations\n\nimport asyncio\nimport os\nimport zlib\n\nimport six\nimport tqdm\n\n"
        "from pack.a import x\nfrom pack.other import thing\n\n"
    )


def test_imports_in_a_module_without_their_group(make: Make) -> None:
    patches = make('kind = "replace"\nsymbol = "pack.other:thing"\nimports = "import os"\ncode = "thing = os"')
    assert apply_patches(FILES, patches, VERSION).files["pack/other.py"] == "import os\nthing = os\n"


def test_what_patches_want_of_one_module_is_one_import(make: Make) -> None:
    wanted = {"run": "b, a", "last": "c, a"}
    patches = make(
        *(
            f'kind = "remove"\nsymbol = "pack.mod:Base.{name}"\nimports = "from pack.other import {names}"'
            for name, names in wanted.items()
        )
    )
    assert "+from pack.other import a, b, c" in changed(patches)


def test_add_a_module(make: Make) -> None:
    patches = make(
        'kind = "add"\npath = "pack/new/part.py"',
        code={"additions/pack/new/part.py": "x = 1\n"},
    )
    result = apply_patches(FILES, patches, VERSION)
    assert result.files["pack/new/part.py"] == "x = 1\n"
    assert list(result.files) == sorted(result.files)


def test_an_added_module_that_upstream_has(make: Make) -> None:
    message = failing(
        lambda: make('kind = "add"\npath = "pack/mod.py"', code={"additions/pack/mod.py": "x = 1\n"}),
    )
    assert "a.toml:1: upstream has a pack/mod.py of its own" in message


# --- what the run tells --------------------------------------------------------------------------------------------


def test_what_was_applied(make: Make) -> None:
    patches = make(
        _edit("pack.mod:Base.run", "items", "things", more="expect = 2"),
        'kind = "remove"\nsymbol = "pack.mod:helper"',
    )
    applied = apply_patches(FILES, patches, VERSION).applied
    assert [(patch.symbol, patch.kind, patch.matches, patch.lines) for patch in applied] == [
        ("pack.mod:Base.run", "edit", 2, 2),
        ("pack.mod:helper", "remove", 1, 0),
    ]
    assert applied[0].reason == "because it must be"


def test_code_of_our_own_is_final(make: Make) -> None:
    patches = make(
        'kind = "add"\npath = "pack/new.py"',
        'kind = "replace"\nsymbol = "pack.mod:Base.run"\ncode = "def run(self): pass\\ndef more(self): pass"',
        'kind = "insert"\nposition = "after"\nsymbol = "pack.mod:helper"\ncode = "class Last: pass"',
        _edit("pack.mod:Base.last", "def last(self): ...", "async def last(self): ..."),
        'kind = "replace"\nsymbol = "pack.mod:Base.run.inner"\ncode = "def inner(x): pass"\nreleases = "<3"',
        'kind = "keep"\nsymbol = "pack.mod:Base.__init__"',
        code={"additions/pack/new.py": ""},
    )
    final = apply_patches(FILES, patches, VERSION).final
    assert final == (
        "pack.mod:Base.__init__",
        "pack.mod:Base.more",
        "pack.mod:Base.run",
        "pack.mod:Last",
        "pack/new.py",
    )


def test_a_nested_function_is_final_by_the_name_python_gives_it(make: Make) -> None:
    nested = make('kind = "replace"\nsymbol = "pack.mod:Base.run.inner"\ncode = "def inner(x): pass"')
    assert apply_patches(FILES, nested, VERSION).final == ("pack.mod:Base.run.<locals>.inner",)


def test_what_is_kept_stays_and_is_reviewed(make: Make) -> None:
    keep = 'kind = "keep"\nsymbol = "pack.mod:helper"'
    assert apply_patches(FILES, make(keep), VERSION).files == dict(sorted(FILES.items()))
    with pytest.raises(ToolError, match="reviewed"):
        apply_patches(_with("return 1", "return 2"), make(keep), "3.4.0")


def test_the_order_of_patches_does_not_matter(make: Make) -> None:
    texts = [
        _edit("pack.mod:", "LIMIT = 3", "LIMIT = 4"),
        'kind = "remove"\nsymbol = "pack.mod:Base.run"',
        'kind = "insert"\nposition = "after"\nsymbol = "pack.mod:helper"\ncode = "x = 1"',
        _edit("pack.mod:helper", "if a: ...", "if not a: ..."),
    ]
    results: list[Patched] = []
    for seed in range(4):
        random.Random(seed).shuffle(texts)
        results.append(apply_patches(dict(reversed(FILES.items())), make(*texts), VERSION))
    assert len({tuple(result.files.items()) for result in results}) == 1


def test_patches_of_other_releases_are_left_alone(make: Make) -> None:
    other = make('kind = "remove"\nsymbol = "pack.mod:Base.gone"\nreleases = "<3.3"', reviewed=False)
    assert apply_patches(FILES, other, VERSION).applied == ()


# --- errors --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("symbol", "problem"),
    [
        ("pack.gone:helper", "there is no module pack.gone"),
        ("pack.mod:gone", "pack/mod.py has no 'gone' in pack.mod"),
        ("pack.mod:Base.run.gone", "has no 'gone' in pack.mod:Base.run"),
    ],
)
def test_an_unknown_symbol(make: Make, symbol: str, problem: str) -> None:
    message = failing(lambda: make(f'kind = "remove"\nsymbol = "{symbol}"', reviewed=False))
    assert f"a.toml:1: the patch for {symbol} has nothing to stand on" in message
    assert problem in message


def test_a_symbol_defined_twice() -> None:
    files = {"pack/mod.py": "if x:\n    def f(): pass\nelse:\n    def f(): pass\n"}
    with pytest.raises(SymbolError, match=r"defines 'f' in pack.mod 2 times \(lines 2, 4\)"):
        find(files, "pack.mod:f")


def test_two_patches_of_the_same_text(make: Make) -> None:
    message = failing(
        lambda: make('kind = "remove"\nsymbol = "pack.mod:Base"', _edit("pack.mod:Base.run", "lock = make_lock()"))
    )
    assert "both change pack/mod.py" in message


def test_a_result_that_does_not_parse(make: Make) -> None:
    message = failing(lambda: make(_edit("pack.mod:Base.run", "item", "f()", more="expect = 4")))
    assert "pack/mod.py" in message
    assert "does not parse after its patches (a.toml:1)" in message


@pytest.mark.parametrize(
    ("toml", "problem"),
    [
        ('kind = "remove"\nsymbol = "no colon"', "a.toml:1: remove.symbol: Value error, 'no colon' is not of the form"),
        ('kind = "remove"\nsymbol = "a:b"\nreleases = "soon"', "is not a version specifier"),
        ('kind = "remove"\nsymbol = "a:b"\nreason = "short"', "a.toml:1: remove.reason"),
        ('kind = "rename"\nsymbol = "a:b"', "a.toml:1: patch: Input tag 'rename'"),
        ('kind = "replace"\nsymbol = "a:b"', "code stands either in `code` or in the file"),
        ('kind = "edit"\nsymbol = "a:b"', "a.toml:1: edit.edit: Field required"),
        ('kind = "remove"\nsymbol = "a:b"\nextra = 1', "a.toml:1: remove.extra"),
        ("kind = ", "a.toml is not valid TOML"),
        ('kind = "replace"\nsymbol = "a:b"\nfile = "gone.py"', "a.toml:1: there is no file gone.py"),
    ],
)
def test_a_patch_file_that_is_not_valid(make: Make, toml: str, problem: str) -> None:
    assert problem in failing(lambda: make(toml, reviewed=False))


@pytest.mark.parametrize("path", ["spare.py", "additions/pack/spare.py"])
def test_code_that_no_patch_names(make: Make, path: str) -> None:
    message = failing(lambda: make('kind = "remove"\nsymbol = "pack.mod:helper"', code={path: "x = 1\n"}))
    assert f"No patch names this code: {path}" in message


# --- review --------------------------------------------------------------------------------------------------------


def _with(old: str, new: str) -> dict[str, str]:
    assert old in MODULE
    return {**FILES, "pack/mod.py": MODULE.replace(old, new)}


RUN_EDIT = _edit("pack.mod:Base.run", "lock = make_lock()", "lock = None")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""Run."""', '"""Run them."""'),
        ("# why there is a lock\n", "# a lock\n"),
        ("with lock as held:", "with lock as (held):"),
        ("LIMIT = 3", "LIMIT = 33"),
    ],
)
def test_comments_docstrings_formatting_and_other_symbols_are_no_change(make: Make, old: str, new: str) -> None:
    assert apply_patches(_with(old, new), make(RUN_EDIT), "3.3.2").applied


def test_a_change_stops_with_a_diff_and_the_command(make: Make) -> None:
    later = _with("for item in items:  # all of them", "for item in sorted(items):")
    with pytest.raises(ToolError) as error:
        apply_patches(later, make(RUN_EDIT), "3.4.0", reviewed={VERSION: FILES}.get)
    message = str(error.value)
    assert "pack.mod:Base.run (pack/mod.py:27), patched in a.toml:1: because it must be" in message
    assert "--- DSPy 3.3.1\n+++ DSPy 3.4.0\n" in message
    assert "-            for item in items:  # all of them\n+            for item in sorted(items):\n" in message
    assert "dspy-async patches accept pack.mod:Base.run --upstream 3.4.0" in message


def test_without_the_reviewed_source_the_new_one_is_shown(make: Make) -> None:
    later = _with("make_lock()", "make_lock(1)")
    with pytest.raises(ToolError, match=r"reviewed for 3\.3\.1, whose source is not at hand"):
        apply_patches(later, make(RUN_EDIT), "3.4.0")
    with pytest.raises(ToolError, match=r"It was never reviewed(.|\n)*lock = make_lock\(\)"):
        apply_patches(FILES, make(RUN_EDIT, reviewed=False), VERSION)


def test_all_stale_symbols_are_told_at_once(make: Make) -> None:
    later = _with("make_lock()", "make_lock(1)")
    later["pack/mod.py"] = later["pack/mod.py"].replace("return a\n", "return a + 1\n")
    with pytest.raises(ToolError) as error:
        apply_patches(later, make(RUN_EDIT, 'kind = "remove"\nsymbol = "pack.mod:helper"'), "3.4.0")
    assert "accept pack.mod:Base.run" in str(error.value)
    assert "accept pack.mod:helper" in str(error.value)


def test_a_tolerant_run_collects_what_is_stale_and_applies_what_fits(make: Make) -> None:
    later = _with("for item in items:  # all of them", "for item in sorted(items):")
    later["pack/mod.py"] = later["pack/mod.py"].replace("count or settings.count", "settings.count")
    later["pack/mod.py"] = later["pack/mod.py"].replace("def helper(a)", "def aid(a)")
    patches = make(
        RUN_EDIT,
        _edit("pack.mod:Base.__init__", "count or settings.count", "count"),
        'kind = "remove"\nsymbol = "pack.mod:helper"',
        _edit("pack.mod:", "LIMIT = 3", "LIMIT = 4"),
    )
    result = apply_patches(later, patches, "3.4.0", reviewed={VERSION: FILES}.get, tolerant=True)
    told = {patch.symbol: patch for patch in result.stale}
    assert {symbol: (patch.fault, patch.fits) for symbol, patch in told.items()} == {
        "pack.mod:Base.run": ("changed", True),
        "pack.mod:Base.__init__": ("changed", False),
        "pack.mod:helper": ("gone", False),
    }
    assert "+            for item in sorted(items):" in told["pack.mod:Base.run"].detail
    assert "there are 0" in told["pack.mod:Base.__init__"].detail
    assert "lock = None" in result.files["pack/mod.py"]
    assert "LIMIT = 4" in result.files["pack/mod.py"]
    assert [one.symbol for one in result.applied] == ["pack.mod:Base.run", "pack.mod:"]


def test_a_tolerant_run_tells_a_reviewed_patch_that_does_not_fit(make: Make) -> None:
    patches = make(_edit("pack.mod:Base.run", "no_such_call()", "1"), RUN_EDIT)
    result = apply_patches(FILES, patches, VERSION, tolerant=True)
    assert [(one.symbol, one.fault, one.fits) for one in result.stale] == [("pack.mod:Base.run", "misfit", False)]
    assert "lock = None" in result.files["pack/mod.py"]


def test_footings_tell_between_which_releases_a_patch_needs_no_look(make: Make) -> None:
    patches = make(RUN_EDIT, _edit("pack.mod:Base", "class Base: ...", "class Base(Twin): ..."))
    later = _with("return [inner(item) for item in items]", "return []")
    later["pack/mod.py"] = later["pack/mod.py"].replace('"""What others', '"""That others')
    here = {(one.symbol, one.scope): one.fingerprint for one in footings(FILES, patches, VERSION)}
    there = {(one.symbol, one.scope): one.fingerprint for one in footings(later, patches, "3.4.0")}
    assert {key for key in here if here[key] != there[key]} == {("pack.mod:Base.run", "own")}
    without = {**FILES, "pack/mod.py": "x = 1\n"}
    assert {one.fingerprint for one in footings(without, patches, "4.0")} == {None}
    assert {one.applies for one in footings(without, patches, "4.0")} == {False}


def test_the_first_line_of_a_class_does_not_depend_on_what_is_in_it(make: Make) -> None:
    patches = make(_edit("pack.mod:Base", "class Base: ...", "class Base(Twin): ..."))
    assert apply_patches(_with('"base"', '"none"'), patches, "3.4.0").applied
    with pytest.raises(ToolError, match="reviewed"):
        apply_patches(_with("class Base:", "class Base(int):"), patches, "3.4.0")


def test_accept_rewrites_the_hash_and_nothing_else(make: Make, tmp_path: Path) -> None:
    make(RUN_EDIT, 'kind = "remove"\nsymbol = "pack.mod:helper"')
    path = tmp_path / "a.toml"
    path.write_text("# what stays\n" + path.read_text())
    before = path.read_text().splitlines()
    later = _with("make_lock()\n", "make_lock()\n        again()\n")
    assert accept(tmp_path, "pack.mod:Base.run", later, "3.4.0") == ("a.toml:2",)
    after = path.read_text().splitlines()
    new = [line for line in after if line not in before]
    assert len(new) == 1
    assert new[0].startswith('"3.4.0" = "')
    assert [line for line in after if line not in new] == before
    assert apply_patches(later, load_patches(tmp_path), "3.4.0").applied
    assert accept(tmp_path, "pack.mod:Base.run", later, "3.4.0") == ("a.toml:2",)
    assert path.read_text().splitlines() == after


def test_accept_of_something_that_is_not_patched(make: Make, tmp_path: Path) -> None:
    make(RUN_EDIT)
    with pytest.raises(ToolError, match=r"no patch for pack.mod:Base.ru (.|\n)*like it: pack.mod:Base.run"):
        accept(tmp_path, "pack.mod:Base.ru", FILES, VERSION)


def test_hashes_are_the_same_on_every_python() -> None:
    code = """return (f"{a!r:>{b}} é" "x" f"{b=}") + u"s" + f"{a:}\""""
    files = {"pack/mod.py": f'def f(a, *, b: int = 1) -> str:\n    """Doc."""\n    {code}\n'}
    assert find(files, "pack.mod:f").fingerprint() == HASH
    assert find({"pack/mod.py": files["pack/mod.py"].replace("Doc", "D")}, "pack.mod:f").fingerprint() == HASH


HASH = "4f83850a653a5a9ec1b89999124c08092d457d9e42fb402237076e28378a5ab5"


# --- the patches of this repository ----------------------------------------------------------------------------------


def test_our_patches_load_and_are_reviewed() -> None:
    patches = load_patches(Path(__file__).parents[1] / "patches").patches
    assert patches
    unreviewed = [loaded.where for loaded in patches if loaded.patch.kind != "add" and not loaded.patch.reviewed]
    assert unreviewed == []


# --- imports that patches make superfluous -----------------------------------------------------------------------


IMPORTS = """\
import queue
import re
from pack.other import gone, shared, thing


def work(items):
    import threading

    lock = threading.Lock()
    return queue.Queue(), shared, gone, thing, lock


def helper(a: "re.Pattern"):
    return thing
"""


def _imports_after(make: Make, find: str, replace: str, more: str = "", others: str = "") -> list[str]:
    files = {**FILES, "pack/mod.py": IMPORTS, "pack/third.py": others}
    patches = make(_edit("pack.mod:work", find, replace, more), reviewed=False)
    for symbol in {patch.symbol for patch in patches.patches}:
        accept(make.folder, symbol, files, VERSION)  # type: ignore[attr-defined]
    text = apply_patches(files, load_patches(make.folder), VERSION).files["pack/mod.py"]  # type: ignore[attr-defined]
    return [line.strip() for line in text.splitlines() if "import" in line]


def test_imports_that_only_patched_code_used_go(make: Make) -> None:
    assert _imports_after(make, "queue.Queue(), shared, gone, thing, lock", "thing") == [
        "import re",
        "from pack.other import thing",
        "import threading",
    ]


def test_imports_of_functions_go_too(make: Make) -> None:
    assert "import threading" not in _imports_after(make, "lock = threading.Lock()", "lock = None")


def test_what_another_module_imports_from_here_stays(make: Make) -> None:
    for line in ("from pack.mod import shared", "from .mod import shared"):
        found = _imports_after(make, "queue.Queue(), shared, gone, thing, lock", "thing", others=line)
        assert "from pack.other import shared, thing" in found


def test_what_a_patch_imports_stays(make: Make) -> None:
    """A name for users alone, say."""
    more = 'imports = "from pack.other import public as public"'
    edit = _edit("pack.mod:work", "queue.Queue()", "None").replace("[[patch.edit]]", f"{more}\n[[patch.edit]]")
    make(edit, reviewed=False)
    files = {**FILES, "pack/mod.py": IMPORTS}
    accept(make.folder, "pack.mod:work", files, VERSION)  # type: ignore[attr-defined]
    patches = load_patches(make.folder)  # type: ignore[attr-defined]
    text = apply_patches(files, patches, VERSION).files["pack/mod.py"]
    assert "from pack.other import public as public" in text and "import queue" not in text


def test_ids_of_tests(make: Make) -> None:
    symbol = 'symbol = "pack.mod:helper"'
    good = ["tests/test_a.py::test_it", "tests/generated/test_a.py::TestThis::test_it[some thing]"]
    loaded = make(f'kind = "remove"\ntests = {good}\n{symbol}')
    assert loaded.patches[0].patch.tests == tuple(good)
    with pytest.raises(ToolError, match=r"tests\.0: String should match pattern"):
        make(f'kind = "remove"\ntests = ["test_it"]\n{symbol}')


# --- several releases --------------------------------------------------------------------------------------------


def test_decorators_of_upstream_stay_and_may_change(make: Make) -> None:
    replaced = 'kind = "replace"\nsymbol = "pack.mod:helper"\ncode = \'def helper(a): ...\''
    patches = make(f'{replaced}\ndecorators = "upstream"')
    later = _with("def helper(a):", "@decorated\ndef helper(a):")
    assert "@decorated\ndef helper(a): ..." in apply_patches(later, patches, "3.4.0").files["pack/mod.py"]
    own = make(replaced)
    with pytest.raises(ToolError, match="reviewed"):
        apply_patches(later, own, "3.4.0")


def test_code_is_shared_by_releases_that_call_things_otherwise(make: Make) -> None:
    shared = 'kind = "replace"\nsymbol = "pack.mod:helper"\nfile = "helper.py"\n'
    code = {"helper.py": "def helper(a):\n    return told(a), told(a).told, untold(a)\n"}
    patches = make(shared + 'names = { "told(a)" = "a" }', code=code)
    assert changed(patches)[-1] == "+    return a, a.told, untold(a)"
    with pytest.raises(ToolError, match="there is no gone in its code"):
        make(shared + 'names = { "gone" = "a" }', code=code)


def test_releases_are_reviewed_in_their_order_and_a_change_is_shown_from_the_one_before(
    make: Make, tmp_path: Path
) -> None:
    make(RUN_EDIT)
    versions = {"3.10.0": "make_lock(10)", "3.2.0": "make_lock(2)"}
    later = _with("make_lock()", "make_lock(4)")
    for version, lock in versions.items():
        accept(tmp_path, "pack.mod:Base.run", _with("make_lock()", lock), version)
    known = [line.split()[0] for line in (tmp_path / "a.toml").read_text().splitlines() if line.startswith('"')]
    assert known == ['"3.2.0"', '"3.3.1"', '"3.10.0"']
    with pytest.raises(ToolError, match=r"--- DSPy 3\.3\.1\n\+\+\+ DSPy 3\.4\.0"):
        apply_patches(later, load_patches(tmp_path), "3.4.0", reviewed=lambda version: FILES)
    with pytest.raises(ToolError, match=r"--- DSPy 3\.2\.0\n\+\+\+ DSPy 3\.1\.0"):
        apply_patches(later, load_patches(tmp_path), "3.1.0", reviewed=lambda version: FILES)
