"""Edits: what is found, what stands there instead, and what makes no sense."""

from __future__ import annotations

import pytest

from codemods.patches import apply_patches
from tests.patches.support import FILES, VERSION, Make, changed, edit, failing


def test_an_expression_is_found_whatever_its_formatting(make: Make) -> None:
    patches = make(edit("pack.mod:Base.__init__", "count   or (settings . count)", "count"))
    assert changed(patches) == [
        "-        self.count = count or settings.count",
        "+        self.count = count",
    ]


def test_an_expression_gets_parentheses_where_it_needs_them(make: Make) -> None:
    patches = make(edit("pack.mod:Base.run.inner", "self.count", "self.count + 1"))
    assert changed(patches)[1:] == ["+            return x * (self.count + 1)"]


def test_a_statement_becomes_several_at_its_indentation(make: Make) -> None:
    patches = make(edit("pack.mod:Base.run", "lock = make_lock()", "if fast:\n    lock = None\nelse:\n    lock = 1"))
    assert changed(patches) == [
        "-        lock = make_lock()",
        "+        if fast:",
        "+            lock = None",
        "+        else:",
        "+            lock = 1",
    ]


def test_comments_go_with_a_statement_only_when_told(make: Make) -> None:
    assert changed(make(edit("pack.mod:Base.run", "lock = make_lock()"))) == ["-        lock = make_lock()"]
    assert changed(make(edit("pack.mod:Base.run", "lock = make_lock()", more="comments = true"))) == [
        "-        # why there is a lock",
        "-        # and who takes it",
        "-        lock = make_lock()",
    ]


def test_a_run_of_statements(make: Make) -> None:
    run = "import os\nimport zlib"
    assert changed(make(edit("pack.mod:", run, "import zlib"))) == ["-import os"]


def test_the_only_statement_of_a_block_becomes_pass(make: Make) -> None:
    assert changed(make(edit("pack.mod:Base.run", "held.take(item)"))) == [
        "-                held.take(item)",
        "+                pass",
    ]


def test_the_first_line_of_a_statement_keeps_its_body(make: Make) -> None:
    patches = make(edit("pack.mod:Base.run", "with lock as held: ...", "held = lock()\nasync with held: ..."))
    assert changed(patches) == [
        "-        with lock as held:",
        "+        held = lock()",
        "+        async with held:",
    ]
    for_line = make(edit("pack.mod:Base.run", "for item in items: ...", "async for item in items: ..."))
    assert changed(for_line)[1:] == ["+            async for item in items:  # all of them"]


def test_the_first_line_of_a_function_with_and_without_its_decorators(make: Make) -> None:
    plain = make(edit("pack.mod:Base.run", "def run(self, items): ...", "async def run(self, settings, items): ..."))
    assert changed(plain) == [
        "-    def run(self, items):",
        "+    async def run(self, settings, items):",
    ]
    with_them = edit(
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


def test_the_first_line_of_a_function_with_documentation_of_ours(make: Make) -> None:
    words = "def helper(a, b): ..."
    documented = 'def helper(a, b):\n    """Help.\n\n    A lot.\n    """\n    ...'
    text = apply_patches(FILES, make(edit("pack.mod:helper", "def helper(a): ...", documented)), VERSION)
    assert text.files["pack/mod.py"].endswith(documented.removesuffix("...") + "if a: return 1\n    return a\n")
    run = edit("pack.mod:Base.run", "def run(self, items): ...", 'def run(self, *items):\n    """Go."""\n    ...')
    assert changed(make(run)) == [
        "-    def run(self, items):",
        '-        """Run."""',
        "+    def run(self, *items):",
        '+        """Go."""',
    ]
    assert changed(make(edit("pack.mod:helper", "def helper(a): ...", words))) == [
        "-def helper(a):",
        "+def helper(a, b):",
    ]


def test_the_first_line_of_a_class(make: Make) -> None:
    assert changed(make(edit("pack.mod:Base", "class Base: ...", "class Base(Twin): ..."))) == [
        "-class Base:",
        "+class Base(Twin):",
    ]


def test_a_module_stands_for_its_own_statements(make: Make) -> None:
    assert "+LIMIT = 4  # how many" in changed(make(edit("pack.mod:", "LIMIT = 3", "LIMIT = 4")))
    assert "expects 1 of this in pack.mod:" in failing(lambda: make(edit("pack.mod:", "return a", "return b")))


def test_a_class_stands_for_its_own_statements(make: Make) -> None:
    patches = make(edit("pack.mod:Base", '"base"', '"other"'))
    assert changed(patches)[1:] == ['+    kind: str = "other"']
    assert "there are 0" in failing(lambda: make(edit("pack.mod:Base", "self.count", "self.size")))


def test_expected_more_than_once(make: Make) -> None:
    patches = make(edit("pack.mod:Base.run", "items", "things", more="expect = 2"))
    assert len([line for line in changed(patches) if line.startswith("+")]) == 2


def test_wrong_count_names_patch_symbol_file_and_lines(make: Make) -> None:
    message = failing(lambda: make(edit("pack.mod:Base.run", "items", "things")))
    assert (
        "a.toml:1: the patch for pack.mod:Base.run expects 1 of this in pack.mod:Base.run (pack/mod.py:27)" in message
    )
    assert "there are 2 (pack/mod.py:35, pack/mod.py:41)" in message
    assert "    items" in message


def test_what_is_in_an_f_string_is_not_found(make: Make) -> None:
    # Its position would be wrong on Python 3.11: the whole string can be replaced.
    assert "there are 0" in failing(lambda: make(edit("pack.mod:Base.last", "self.count", "self.size")))
    whole = make(edit("pack.mod:Base.last", 'f"{self.count}: {self.limit}"', "str(self)"))
    assert changed(whole)[1:] == ["+        return str(self)"]


def test_a_statement_that_shares_its_line(make: Make) -> None:
    assert changed(make(edit("pack.mod:helper", "return 1", "return 2")))[1:] == ["+    if a: return 2"]
    several = failing(lambda: make(edit("pack.mod:helper", "return 1", "b = 1\nreturn b")))
    assert "puts several lines where other code shares the line (pack/mod.py:48)" in several
    assert "shares its line" in failing(lambda: make(edit("pack.mod:helper", "return 1")))


@pytest.mark.parametrize(
    ("find", "replace", "problem"),
    [
        ("", "x", "has an empty `find`"),
        ("def (", "x", "a.toml:1: edit.edit.0.find: Value error, not valid Python: invalid syntax in line 1"),
        ("make_lock()", "x = 1", "replaces an expression by something that is none"),
        ("with lock as held: ...", "lock()", "must end in one with the body `...`"),
        ("lock = make_lock()", "lock = (", "a.toml:1: edit.edit.0.replace: Value error, not valid Python"),
    ],
)
def test_edits_that_make_no_sense(make: Make, find: str, replace: str, problem: str) -> None:
    assert problem in failing(lambda: make(edit("pack.mod:Base.run", find, replace, more="expect = 1")))


def test_deleting_leaves_no_hole(make: Make) -> None:
    text = apply_patches(FILES, make(edit("pack.mod:", "import tqdm")), VERSION).files["pack/mod.py"]
    assert "import zlib\n\nfrom pack.other import thing\n" in text
